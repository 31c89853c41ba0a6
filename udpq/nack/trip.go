package nack

import "time"

// roundTrip is what a sender knows of the way to the receiver and back: how
// soon something is asked for that has just been sent. That takes a round trip
// at least, the receiver's wait for what is late, and what follows; so what is
// asked for again sooner after a repair was asked for before the repair came
// (RFC 5740 section 5.5.1 has such a holdoff). The least of the last samples is
// nearest to the truth, and errs on the side of one repair too many.
type roundTrip struct {
	now, before time.Duration // least of this window and of the one before, 0: none
	count       int
}

const tripWindow = 64 // samples

func (r *roundTrip) sample(d time.Duration) {
	d = max(d, 1)
	if r.count++; r.count > tripWindow {
		r.before, r.now, r.count = r.now, 0, 1
	}
	if r.now == 0 || d < r.now {
		r.now = d
	}
}

// least is 0 while nothing is known.
func (r *roundTrip) least() time.Duration {
	if r.before == 0 || r.now > 0 && r.now < r.before {
		return r.now
	}
	return r.before
}
