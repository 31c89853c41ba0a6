package labs

import (
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/wire"
)

// record starts a recording with what the wire knows.
func record(rows [2][]wire.Row, stats [2]wire.Stats) *Recording {
	r := &Recording{}
	for leg := range rows {
		r.Wire[leg] = passages(rows[leg])
		r.Wire[leg].Missed = stats[leg].RingDrops + stats[leg].Refused + stats[leg].Missing
		r.Lateness = append(r.Lateness, lateness(rows[leg])...)
	}
	return r
}

// lateness is that of every packet that left.
func lateness(rows []wire.Row) (list []time.Duration) {
	for i := range rows {
		if rows[i].Out != 0 {
			list = append(list, rows[i].Lateness())
		}
	}
	return list
}

// passages translates the wire's rows into account's words.
func passages(rows []wire.Row) account.Wire {
	fates := map[wire.Fate]account.PacketFate{
		wire.Passed: account.PacketPassed, wire.Lost: account.PacketLost, wire.Corrupted: account.PacketCorrupted,
		wire.Overflow: account.PacketOverflow, wire.Held: account.PacketHeld,
	}
	protocols := map[uint8]dissect.Protocol{wire.ProtocolTCP: dissect.TCP, wire.ProtocolUDP: dissect.UDP}
	w := account.Wire{Passages: make([]account.Passage, len(rows))}
	for i := range rows {
		r := &rows[i]
		w.Passages[i] = account.Passage{
			Time: time.Unix(0, r.Time), Out: time.Unix(0, r.Out), Hash: r.Hash, OutHash: r.OutHash,
			Seq: r.Seq, Length: int(r.Length), Span: int(r.Span), SrcPort: r.SrcPort, DstPort: r.DstPort,
			Protocol: protocols[r.Protocol], Fate: fates[r.Fate], Copies: int(r.Copies),
		}
	}
	return w
}
