package nack

import (
	"time"
)

// begin starts the waits anew with the first round-trip time: until it was
// known, most was asked for too early, and in vain.
func (r *Receiver) begin(now time.Time) {
	for i := range r.holes {
		if h := &r.holes[i]; h.tries > 1 {
			h.tries, h.due = 1, h.asked.Add(r.patience(0))
			if h.due.Before(now) {
				h.due = now
			}
		}
	}
}

// revive notes that what is asked for of a hole comes.
func (r *Receiver) revive(now time.Time, h *hole) {
	if h.tries > 0 {
		h.tries, h.again, h.due = 1, true, earlier(h.due, now.Add(r.patience(0)))
	}
}

// Asking too early costs a repair for each datagram that is only late. As in
// RFC 8985 section 6.2 the wait grows by a quarter of a round trip each time
// that both come, up to a round trip, and shrinks again while they do not. The
// round trip is never known well then: what is only late looks like an answer.
const (
	maxReorder = 100 * time.Millisecond // or a round trip
	maxMended  = 256                    // stretches of numbers remembered
	calmDown   = 64                     // the share that the wait loses with each repair
)

func (r *Receiver) mend(number uint64) {
	r.mended.add(number, number+1, maxMended)
	r.reorder -= r.reorder / calmDown
}

// doubled takes a number that has come once more.
func (r *Receiver) doubled(number uint64) {
	if r.mended.has(number) {
		r.reorder = min(r.reorder+max(r.rtt/4, time.Millisecond), max(r.rtt, maxReorder))
	}
}

// sample takes a round-trip time (RFC 6298 section 2). What was only late
// makes it seem short, and its variance large.
func (r *Receiver) sample(rtt time.Duration) {
	if r.rtt == 0 {
		r.rtt, r.rttvar = max(rtt, 1), rtt/2
	}
	r.rttvar += ((r.rtt - rtt).Abs() - r.rttvar) / 4
	r.rtt = max(r.rtt+(rtt-r.rtt)/8, 1)
}

// patience returns how long to wait for what was asked for so many times
// before.
func (r *Receiver) patience(tries int) time.Duration {
	wait := firstAskWait
	if r.rtt > 0 {
		wait = max(minAskWait, r.rtt*3/2, r.rtt+4*r.rttvar)
	}
	return min(wait<<min(tries, 8), maxAskWait)
}
