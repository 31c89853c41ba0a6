package wire

import "time"

const (
	// maxPatience bounds how long packets may lie in the ring unseen.
	maxPatience = time.Millisecond
	// minPatience is the shortest that is worth a timer.
	minPatience = 10 * time.Microsecond

	// moderation is how long a busy wire without delay rests between looks at
	// the ring, as network cards moderate their interrupts.
	moderation = 100 * time.Microsecond
	// busyFrom is how many packets in that time make it busy: 50,000 a second.
	busyFrom = 5
)

// load measures how busy a direction is.
type load struct {
	since int64 // ns, begin of the measurement
	came  int64 // packets since then
	busy  bool  // in the one before
}

// saw counts packets that were seen at now.
func (l *load) saw(packets int, now int64) {
	l.came += int64(packets)
	if passed := now - l.since; passed >= int64(moderation) {
		l.busy = l.came*int64(moderation) >= busyFrom*passed
		l.since, l.came = now, 0
	}
}

// patience returns how long the ring may be left alone after a look at which
// so many packets had come; 0 if the next packet is to be seen at once. The
// kernel notes when each came, so that one seen late leaves no later for it,
// as long as it is seen before it is due.
func (d *direction) patience(came int) time.Duration {
	if came == 0 {
		return 0
	}
	if p := min(d.least/2, maxPatience); p >= minPatience {
		return p
	}
	if d.load.busy && d.least == 0 {
		return moderation
	}
	return 0
}

// least returns how long every packet is held at the least.
func (i *Impairment) least() time.Duration {
	t := i.Delay
	switch {
	case i.Reorder > 0:
		t = 0
	case i.Jitter > 0 && i.Distribution == Uniform:
		t -= i.Jitter
	case i.Jitter > 0:
		t -= cutoff * i.Jitter
	}
	for n := range i.Rules {
		t = min(t, i.Rules[n].Impairment.least())
	}
	for n := range i.Schedule.Phases {
		t = min(t, i.Schedule.Phases[n].Impairment.least())
	}
	return max(0, t)
}
