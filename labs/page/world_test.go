package page_test

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
)

const (
	port  = 9700
	delay = 10 * time.Millisecond
	pace  = 400 * time.Microsecond
)

// world makes up a run over UDP in which each event crosses the wire to the
// server and back.
type world struct {
	in    account.Input
	start time.Time
	topic string
}

// emit sends an event on its way. The wire takes it on a leg, or on none (-1).
func (w *world) emit(sequence uint64, takenOn int) {
	id := account.ID{Origin: 1, Sequence: sequence}
	at := w.start.Add(time.Duration(sequence-1) * pace)
	w.in.Emissions = append(w.in.Emissions, account.Emission{ID: id, Time: at})
	for leg, kind := range []framing.Kind{framing.KindEmit, framing.KindEvent} {
		f := framing.Frame{Kind: kind, Origin: 1, Sequence: sequence, Flags: framing.FlagCRC, Topic: []byte(w.topic), Payload: []byte("<b>payload</b>")}
		w.cross(leg, at.Add(time.Duration(leg)*delay), packet(leg, &f), takenOn == leg)
		if takenOn == leg {
			return
		}
		if leg == account.ToServer {
			w.in.Server[id] = account.ServerRecord{Read: 1}
		}
	}
	w.in.Deliveries = append(w.in.Deliveries, account.Delivery{ID: id, Time: at.Add(2 * delay)})
}

func (w *world) cross(leg int, at time.Time, data []byte, taken bool) {
	hash := xxhash.Sum64(data)
	p := account.Passage{Time: at, Out: at.Add(delay), Hash: hash, OutHash: hash, Length: len(data), SrcPort: 40000, DstPort: port, Protocol: dissect.UDP, Copies: 1}
	w.in.Taps[leg].Packets = append(w.in.Taps[leg].Packets, account.Packet{Time: at, Data: data, Hash: hash, Outgoing: true})
	if taken {
		p.Fate, p.Copies = account.PacketLost, 0
	} else {
		w.in.Taps[1-leg].Packets = append(w.in.Taps[1-leg].Packets, account.Packet{Time: at.Add(delay), Data: data, Hash: hash})
	}
	w.in.Wire[leg].Passages = append(w.in.Wire[leg].Passages, p)
}

// packet builds the packet that carries a frame on one leg.
func packet(leg int, f *framing.Frame) []byte {
	src, dst := uint16(40000), uint16(port)
	ips := []byte{10, 77, 0, 1, 10, 77, 0, 2}
	if leg == account.ToSubscriber {
		src, dst = dst, src
		ips = []byte{10, 77, 0, 2, 10, 77, 0, 1}
	}
	payload, err := f.Append(nil)
	if err != nil {
		panic(err)
	}
	b := make([]byte, 14+20+8, 14+20+8+len(payload))
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	copy(ip[12:], ips)
	binary.BigEndian.PutUint16(ip[20:], src)
	binary.BigEndian.PutUint16(ip[22:], dst)
	binary.BigEndian.PutUint16(ip[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

// lossy is a run in which the wire takes every tenth event: on the way there
// those whose number ends in 3, back those that end in 7.
func lossy(events int, topic string) (*report.Result, []report.Evidence) {
	w := &world{start: time.Unix(1_700_000_000, 0).UTC(), topic: topic}
	w.in.Transport, w.in.Port, w.in.Server = dissect.UDP, port, map[account.ID]account.ServerRecord{}
	for i := 1; i <= events; i++ {
		takenOn := -1
		switch i % 10 {
		case 3:
			takenOn = account.ToServer
		case 7:
			takenOn = account.ToSubscriber
		}
		w.emit(uint64(i), takenOn)
	}
	ledger := account.Settle(&w.in)
	e := report.Evidence{Transport: "udp", Reliability: "none", Ledger: ledger, Emissions: w.in.Emissions, Taps: w.in.Taps, Wire: w.in.Wire}
	r := &report.Result{
		Lab: "made-up", Question: "what becomes of " + topic + "?", Seed: 1, Backend: "virtual", Reproducible: true,
		Runs: []report.Run{report.FromLedger("udp", "none", 14, ledger)}, Checks: []report.Check{{Claim: "it is " + topic, Measured: "so", Held: true}},
		Asked: report.Asked{Question: "How many?", Unit: "events", Measured: float64(events)},
	}
	return r, []report.Evidence{e}
}
