package tcpflow

import (
	"cmp"
	"slices"
	"time"
)

// answered reads what a segment of the other end acknowledges.
func (h *half) answered(a *Analyzer, s *Segment) {
	if s.Ack > h.max && s.Ack < h.max+strayBytes { // of bytes that the tap did not see
		h.max = s.Ack
	}
	h.SACKBlocks += len(s.SACK)
	if s.DSACK = duplicated(s); s.DSACK {
		h.DSACKs++
	}
	h.delayed(s)
	if s.Length > 0 { // what the application got may make it write
		h.promptly = false
	}
	if s.Ack > h.max || s.Ack < h.una {
		return
	}
	h.lastHeard = s.Time
	for i, b := range s.SACK {
		h.selective = true
		if i > 0 || !s.DSACK {
			h.selected(b, s.Time)
		}
	}
	switch {
	case s.Ack > h.una:
		h.freed(s)
		h.advance(a, s)
	case h.una < h.max && s.Length == 0 && !s.SYN && !s.FIN && !s.RST && h.offered && s.Window == h.window:
		h.duplicates++
		h.DuplicateAcks++
		s.DuplicateAck = h.duplicates
	}
	if h.doubt.IsZero() && len(h.out) > 0 && h.heardLater(h.out[0].from, h.out[0].to, h.out[0].last) {
		h.doubt = s.Time
	}
}

// duplicated reports whether the first SACK block tells of something that
// came twice (RFC 2883, section 4).
func duplicated(s *Segment) bool {
	if len(s.SACK) == 0 {
		return false
	}
	first := s.SACK[0]
	return first.To <= s.Ack || len(s.SACK) > 1 && s.SACK[1].From <= first.From && first.To <= s.SACK[1].To
}

// selected marks what a SACK block says has arrived.
func (h *half) selected(b Block, t time.Time) {
	i, _ := slices.BinarySearchFunc(h.out, b.From, func(e sent, at int64) int { return cmp.Compare(e.from, at) })
	for ; i < len(h.out) && h.out[i].to <= b.To; i++ {
		if e := &h.out[i]; !e.selected {
			e.selected = true
			h.arrived(e, t)
		}
	}
}

// arrived learns that a segment came to the receiver. If it left more than
// once and the news comes sooner than any round trip, it is of an earlier
// transmission (RFC 8985, section 6.2, step 2).
func (h *half) arrived(e *sent, t time.Time) {
	if e.times > 1 && t.Sub(e.last) < h.RTT.Min {
		return
	}
	if e.last.After(h.arrivedSent) || e.last.Equal(h.arrivedSent) && e.to > h.arrivedTo {
		h.arrivedSent, h.arrivedTo = e.last, e.to
	}
}

// advance moves una.
func (h *half) advance(a *Analyzer, s *Segment) {
	n, repeated := 0, false
	var sample time.Duration
	for n < len(h.out) && h.out[n].to <= s.Ack {
		e := &h.out[n]
		switch {
		case e.times > 1:
			repeated = true
		case !e.selected:
			sample = s.Time.Sub(e.last)
		}
		if !e.selected {
			h.arrived(e, s.Time)
		}
		n++
	}
	if sample > 0 && h.Tap.Sends() && (h.selective || !repeated) {
		h.RTT.add(sample)
	}
	h.out = slices.Delete(h.out, 0, n)
	a.sent -= n
	if len(h.out) > 0 {
		h.out[0].from = max(h.out[0].from, s.Ack)
	}
	h.una, h.progress, h.doubt = s.Ack, s.Time, time.Time{}
	h.duplicates, h.probed = 0, false
}
