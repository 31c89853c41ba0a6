package tcpflow

import (
	"cmp"
	"slices"
	"time"
)

// receiver is what the tap at the receiver knows of a direction.
type receiver struct {
	receiving bool
	next      int64   // one past the contiguous positions that came
	ahead     []Block // what came beyond a hole, by position
	holeSince time.Time

	owedSince time.Time // the first segment in order that is not acknowledged came
	owedTo    int64
}

const (
	// delayedFrom is from when on an acknowledgement counts as delayed. Those
	// of Linux, which delays them by 40 ms at least, do, and those that a busy
	// host sends late mostly do not.
	delayedFrom = 20 * time.Millisecond
	// maxAhead bounds the ranges beyond holes that are remembered.
	maxAhead = 1 << 10
)

// arrive reads a segment as its receiver's tap sees it.
func (h *half) arrive(s *Segment) {
	if h.Tap == AtSender {
		return
	}
	b := Block{s.Seq, s.Seq + s.Span()}
	if !h.receiving {
		h.receiving, h.next = true, b.From
	}
	highest := h.next
	if n := len(h.ahead); n > 0 {
		highest = h.ahead[n-1].To
	}
	switch {
	case b.To <= h.next || h.has(b):
		s.DuplicateHit = true
		h.DuplicateHits++
	case b.From >= highest && b.From > h.next:
		s.BeyondHole = true
		h.BeyondHole++
	case b.From < highest:
		s.FillsHole = true
		h.FilledHoles++
	default:
		h.owe(s, b.To)
	}
	if h.Tap == AtReceiver && s.DuplicateHit {
		s.Again = AgainUnknown
		h.Again[AgainUnknown]++
	}
	before := h.next
	h.put(b)
	h.holes(before, s.Time)
}

// holes times how long the stream stands still.
func (h *half) holes(before int64, t time.Time) {
	if h.next > before && !h.holeSince.IsZero() {
		h.Holes.add(t.Sub(h.holeSince))
		h.holeSince = time.Time{}
	}
	if len(h.ahead) > 0 && h.holeSince.IsZero() {
		h.holeSince = t
	}
}

// has reports whether a range came before, beyond a hole.
func (h *half) has(b Block) bool {
	i, _ := slices.BinarySearchFunc(h.ahead, b.From+1, func(x Block, at int64) int { return cmp.Compare(x.To, at) })
	return i < len(h.ahead) && h.ahead[i].From <= b.From && b.To <= h.ahead[i].To
}

// put adds a range to what came.
func (h *half) put(b Block) {
	if b.From > h.next {
		i, _ := slices.BinarySearchFunc(h.ahead, b.From, func(x Block, at int64) int { return cmp.Compare(x.To, at) })
		end := i
		for ; end < len(h.ahead) && h.ahead[end].From <= b.To; end++ {
			b.From, b.To = min(b.From, h.ahead[end].From), max(b.To, h.ahead[end].To)
		}
		h.ahead = slices.Replace(h.ahead, i, end, b)
		if len(h.ahead) <= maxAhead {
			return
		}
		b = h.ahead[0] // the hole before it is given up
	}
	h.reach(b.To)
}

// reach moves next, over what is ahead too.
func (h *half) reach(to int64) {
	h.next = max(h.next, to)
	n := 0
	for ; n < len(h.ahead) && h.ahead[n].From <= h.next; n++ {
		h.next = max(h.next, h.ahead[n].To)
	}
	h.ahead = slices.Delete(h.ahead, 0, n)
}

// owe notes that a segment that came in order is to be acknowledged.
func (h *half) owe(s *Segment, to int64) {
	if s.SYN || s.FIN || !h.Tap.Receives() {
		return
	}
	if h.owedSince.IsZero() {
		h.owedSince = s.Time
	}
	h.owedTo = to
}

// delayed looks whether an acknowledgement was delayed. What the receiver
// acknowledges it has, even if the capture has not.
func (h *half) delayed(s *Segment) {
	if !h.Tap.Receives() {
		return
	}
	if h.receiving && s.Ack > h.next && s.Ack <= h.max {
		h.reach(s.Ack)
	}
	if h.owedSince.IsZero() || s.Ack < h.owedTo {
		return
	}
	wait := s.Time.Sub(h.owedSince)
	h.owedSince = time.Time{}
	shut := h.offered && h.window == 0
	if wait >= delayedFrom && s.Length == 0 && !s.SYN && !s.FIN && !s.RST && !shut {
		s.DelayedAck = wait
		h.DelayedAcks.add(wait)
	}
}
