package tcpflow

import "time"

// why tells why positions that had left before leave again at t.
func (h *half) why(t time.Time, from, to int64, before time.Time) Again {
	if !h.Tap.Sends() || before.IsZero() {
		return AgainUnknown
	}
	quiet := t.Sub(later(h.progress, before))
	expired := from <= h.una && quiet >= h.RTT.timeout()
	switch {
	case from == 0 && h.synSeen: // nothing else sends a SYN again
		return AgainTimeout
	case h.una < h.lossUntil && expired:
		return AgainTimeout
	case h.una < h.lossUntil:
		return AgainAfterTimeout
	case expired && h.stale(t):
		return h.expired(to)
	case h.heardLater(from, to, before):
		return AgainFast
	case expired:
		return h.expired(to)
	case h.probes(t, to):
		return AgainProbe
	}
	return AgainUnknown
}

// heardLater reports whether something that left after the positions last did
// is known to have arrived.
func (h *half) heardLater(from, to int64, before time.Time) bool {
	if h.arrivedSent.After(before) || h.arrivedSent.Equal(before) && h.arrivedTo > to {
		return true
	}
	if from > h.una {
		return false
	}
	return h.duplicates >= duplicatesToResend || !h.selective && h.una < h.fastUntil
}

// duplicatesToResend is how many duplicate acknowledgements make a sender
// send again (RFC 5681, section 3.2).
const duplicatesToResend = 3

// stale reports whether news that the first bytes under way were lost is so
// old that a sender that acts on it would have.
func (h *half) stale(t time.Time) bool {
	return h.doubt.IsZero() || t.Sub(h.doubt) >= max(h.RTT.Smoothed, 20*time.Millisecond)
}

// expired decides between the timer and a probe, which are due at the same
// time where the first segment under way is also the last.
func (h *half) expired(to int64) Again {
	if to >= h.max && h.mayProbe() && len(h.out) == 1 {
		return AgainUnknown
	}
	return AgainTimeout
}

// probes reports whether a segment can only be a tail loss probe.
func (h *half) probes(t time.Time, to int64) bool {
	return to >= h.max && h.mayProbe() && t.Sub(later(h.progress, h.lastSent)) >= h.RTT.probe()
}

// mayProbe reports whether the sender may probe: only with SACK, and once
// until something is acknowledged (RFC 8985, section 7.3).
func (h *half) mayProbe() bool { return h.selective && !h.probed && h.RTT.Samples > 0 }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
