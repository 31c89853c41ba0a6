package tcpflow

import (
	"cmp"
	"slices"
	"time"
)

// sender is what the tap at the sender knows of a direction.
type sender struct {
	out       []sent    // under way, by position
	forgotten bool      // more was under way than is remembered
	una       int64     // the first position not acknowledged
	progress  time.Time // when una last moved, or something left while nothing was under way
	lastSent  time.Time
	lastHeard time.Time // an acknowledgement
	selective bool      // SACK was agreed upon, or has been seen

	// The latest transmission known to have arrived (RFC 8985, section 6.2).
	arrivedSent time.Time
	arrivedTo   int64
	doubt       time.Time // since when it is later than that of the first bytes under way

	duplicates int   // acknowledgements in a row
	fastUntil  int64 // without SACK, partial acknowledgements before it go on with the recovery (RFC 6582)
	lossUntil  int64 // the timer expired when so much had left
	probed     bool  // the tail was, since una last moved

	nagle
}

// sent is a run of positions that left in one segment.
type sent struct {
	from, to int64
	last     time.Time // when it last left
	times    int
	selected bool // a SACK block has covered it
}

// maxOut bounds the segments under way that are remembered of one direction:
// 23 MB of full segments.
const maxOut = 1 << 14

// leave reads a segment as its sender's tap sees it.
func (h *half) leave(a *Analyzer, s *Segment, headerEnd int) {
	if s.RST {
		return
	}
	if h.asks(s) {
		return
	}
	if s.Span() == 0 {
		return
	}
	h.Segments++
	h.Bytes += int64(s.Length)
	from, to := s.Seq, s.Seq+s.Span()
	switch {
	case h.Tap == AtReceiver:
		h.max = max(h.max, to)
		return
	case from >= h.max:
		h.nagled(s)
		h.remember(a, sent{from: from, to: to, last: s.Time, times: 1})
	case h.overtaken(s.Time, from, to):
		i, _ := h.behind(from)
		h.remember(a, sent{from: from, to: to, last: h.out[i].last, times: 1}) // it was sent before that one
	default:
		h.resent(a, s, from, to)
	}
	h.Largest = max(h.Largest, s.Length)
	h.max = max(h.max, to)
	h.lastSent = s.Time
}

// asks recognizes window probes and keep-alives. Both are about the byte
// before the first unacknowledged one, which nobody needs; a probe may also
// be of one new byte.
func (h *half) asks(s *Segment) bool {
	if s.SYN || s.FIN || s.Length > 1 || h.Tap == AtReceiver {
		return false
	}
	shut := h.offered && h.window == 0
	switch {
	case s.Seq == h.una-1 && h.una > 1 && s.Seq < h.max:
		s.WindowProbe, s.KeepAlive = shut, !shut
	case s.Length == 1 && s.Seq == h.max && h.una == h.max && shut:
		s.WindowProbe = true
	default:
		return false
	}
	if s.WindowProbe {
		h.Probes++
	} else {
		h.KeepAlives++
	}
	return true
}

// remember notes what is under way.
func (h *half) remember(a *Analyzer, e sent) {
	if len(h.out) == 0 {
		h.progress = e.last
	}
	if len(h.out) >= maxOut || a.sent >= a.o.MaxSent {
		h.forgotten = true
		return
	}
	a.sent++
	i, _ := h.behind(e.from)
	h.out = slices.Insert(h.out, i, e)
}

// behind returns the first of what is under way that ends behind a position.
func (h *half) behind(from int64) (int, bool) {
	return slices.BinarySearchFunc(h.out, from+1, func(e sent, at int64) int { return cmp.Compare(e.to, at) })
}

// overtaken reports whether positions leave for the first time although later
// ones have left: a host's CPUs send side by side. What is sent again because
// the tap missed it looks the same, but comes half a round trip later at least.
func (h *half) overtaken(t time.Time, from, to int64) bool {
	if !h.Tap.Sends() || h.forgotten || from < h.una {
		return false
	}
	i, _ := h.behind(from)
	return i < len(h.out) && h.out[i].from >= to && h.RTT.Samples > 0 && t.Sub(h.out[i].last) < h.RTT.Min/2
}

// resent reads a segment with positions that left before.
func (h *half) resent(a *Analyzer, s *Segment, from, to int64) {
	i, _ := h.behind(from)
	end := i
	var before time.Time // of what is first missing: a host sends with it what fits behind it
	for ; end < len(h.out) && h.out[end].from < to; end++ {
		if e := &h.out[end]; before.IsZero() && !e.selected {
			before = e.last
		}
	}
	if before.IsZero() && i < end {
		before = h.out[i].last
	}
	s.Again = h.why(s.Time, from, to, before)
	if !before.IsZero() {
		s.Since = s.Time.Sub(before)
	}
	h.Again[s.Again]++
	switch s.Again {
	case AgainTimeout:
		h.lossUntil = h.max
	case AgainFast:
		h.fastUntil = h.max
	case AgainProbe:
		h.probed = true
	case AgainUnknown: // it may have been a probe
		h.probed = h.probed || to == h.max
	}
	for j := i; j < end; j++ {
		h.out[j].last = s.Time
		h.out[j].times++
	}
	if i == 0 {
		h.doubt = time.Time{}
	}
	if to > h.max {
		h.remember(a, sent{from: h.max, to: to, last: s.Time, times: 1})
	}
}
