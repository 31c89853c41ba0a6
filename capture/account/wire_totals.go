package account

import "rawlab/capture/dissect"

// wireTotals counts the run's packets and TCP's retransmissions: segments
// with bytes that the wire had from the same sender before. One that another
// overtook on its way to the wire (the host's CPUs send side by side) is late,
// but no retransmission.
func (l *Ledger) wireTotals(in *Input) {
	_, mine := filter(in)
	type flow struct {
		leg, link int
		src, dst  uint16
	}
	for leg := range in.Wire {
		streams := map[flow]*sentBytes{}
		for i := range in.Wire[leg].Passages {
			p := &in.Wire[leg].Passages[i]
			if !mine(p) {
				continue
			}
			l.Packets++
			l.WireBytes += int64(p.Length)
			if p.Fate != PacketPassed {
				l.Lost++
			}
			if p.Protocol != dissect.TCP || p.Span == 0 {
				continue
			}
			key := flow{leg, p.Link, p.SrcPort, p.DstPort}
			if streams[key] == nil {
				streams[key] = &sentBytes{end: p.Seq}
			}
			if streams[key].again(p.Seq, p.Seq+uint32(p.Span)) {
				l.Retransmits++
			}
		}
	}
}

// sentBytes is which bytes of a stream have been sent: those before end, but
// for the holes. Sequence numbers are modulo 2³² (RFC 9293 section 3.4).
type sentBytes struct {
	end   uint32
	holes []hole
}

// hole is bytes that later ones have overtaken.
type hole struct{ from, to uint32 }

// maxHoles bounds what is remembered of a stream; of what is forgotten a late
// segment counts as sent again.
const maxHoles = 1024

// again notes that the bytes from from to before to were sent and reports
// whether one of them had been before.
func (s *sentBytes) again(from, to uint32) bool {
	if int32(from-s.end) >= 0 {
		if from != s.end && len(s.holes) < maxHoles {
			s.holes = append(s.holes, hole{s.end, from})
		}
		s.end = to
		return false
	}
	late := false
	var left []hole
	for _, h := range s.holes {
		late = late || int32(from-h.from) >= 0 && int32(to-h.to) <= 0
		if before := (hole{h.from, minSeq(h.to, from)}); int32(before.to-before.from) > 0 {
			left = append(left, before)
		}
		if behind := (hole{maxSeq(h.from, to), h.to}); int32(behind.to-behind.from) > 0 {
			left = append(left, behind)
		}
	}
	s.holes = left
	s.end = maxSeq(s.end, to)
	return !late
}

func minSeq(a, b uint32) uint32 {
	if int32(a-b) < 0 {
		return a
	}
	return b
}

func maxSeq(a, b uint32) uint32 {
	if int32(a-b) > 0 {
		return a
	}
	return b
}
