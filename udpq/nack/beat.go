package nack

import "time"

// When to tell what has been sent: soon after the first and the last of a
// burst, and now and then during one that does not end; then less and less
// often until it is answered.
const (
	beatWait    = 20 * time.Millisecond  // after the last
	beatWithin  = 200 * time.Millisecond // while more is sent
	maxBeatWait = time.Second
	maxBeats    = 14 // unanswered, about 10 s: then nobody is there
)

// Heartbeat tells the other end how far a sender is, so that it misses the
// last of a burst too. The zero value is ready: nothing was sent.
type Heartbeat struct {
	first, last uint64 // sent since all was settled
	open        bool   // not settled, and not given up
	told        time.Time
	at          time.Time
	beats       int // since something was sent
	unanswered  int
}

// Sent notes that a number has left.
func (h *Heartbeat) Sent(now time.Time, number uint64) {
	if !h.open {
		*h = Heartbeat{first: number, last: number, open: true, told: now.Add(beatWait - beatWithin)} // the first is soon
	}
	h.last, h.beats, h.unanswered = max(h.last, number), 0, 0
	h.at = now.Add(beatWait)
	if latest := h.told.Add(beatWithin); latest.Before(h.at) {
		h.at = latest
	}
}

// Settle takes an answer: all up to that number has come, or will not. It
// reports whether nothing is open.
func (h *Heartbeat) Settle(upTo uint64) bool {
	h.unanswered = 0
	if upTo >= h.last {
		h.open = false
	}
	return !h.open
}

// Heard notes that the other end is there, and misses something still.
func (h *Heartbeat) Heard() { h.unanswered = 0 }

// Open reports whether an answer is waited for.
func (h *Heartbeat) Open() bool { return h.open }

// Due returns what to tell now, if it is time to. After maxBeats without an
// answer nothing is open any more.
func (h *Heartbeat) Due(now time.Time) (first, last uint64, due bool) {
	if !h.open || now.Before(h.at) {
		return 0, 0, false
	}
	if h.unanswered == maxBeats {
		h.open = false
		return 0, 0, false
	}
	h.told, h.at = now, now.Add(min(beatWait<<min(h.beats, 8), maxBeatWait))
	h.beats++
	h.unanswered++
	return h.first, h.last, true
}

// Wake returns when to ask Due again, the zero time if never.
func (h *Heartbeat) Wake() time.Time {
	if !h.open {
		return time.Time{}
	}
	return h.at
}
