package wire

import "sync"

// virtualLane is one direction of a virtual wire or link.
type virtualLane struct {
	time    *VirtualTime
	deliver func([]byte)

	mu        sync.Mutex
	direction *direction
	departing []parcel // due, to be delivered one by one
	delivered int      // of departing
	wake      int64    // when the lane looks for departures next, ns since the Unix epoch; 0 if never
	stopped   bool
}

func newVirtualLane(t *VirtualTime, d *direction, deliver func([]byte)) *virtualLane {
	return &virtualLane{time: t, direction: d, deliver: deliver}
}

// send puts a frame on the lane; it stays the caller's.
func (l *virtualLane) send(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	l.direction.accept(frame, l.now())
	l.rearm()
}

// set begins a new plan.
func (l *virtualLane) set(seed uint64, i Impairment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.direction.set(seed, i)
	l.direction.begin(l.now())
	l.rearm()
}

func (l *virtualLane) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.direction
	return Stats{Counts: d.counts, Missing: d.ledger.Missing, Held: d.line.len(), Packets: d.ledger.n}
}

// stop ends the lane and returns its ledger.
func (l *virtualLane) stop() []Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	return l.direction.ledger.Rows()
}

func (l *virtualLane) now() int64 { return l.time.Now().UnixNano() }

// rearm sees that the lane wakes when its next frame is due. A wake-up
// already asked for cannot be taken back, and does no harm. The caller holds mu.
func (l *virtualLane) rearm() {
	now := l.now()
	d, some := l.direction.wait(now)
	if !some || l.stopped {
		return
	}
	if due := now + int64(d); l.wake == 0 || due < l.wake {
		l.wake = due
		l.time.After(d, l.depart)
	}
}

// depart delivers one frame that is due, if one is: what a host does about
// it is to be over before the next one comes, even at the same moment. It
// does not hold mu meanwhile, since hosts answer at once.
func (l *virtualLane) depart() {
	if f, ok := l.next(); ok {
		l.deliver(f)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	if l.delivered < len(l.departing) {
		l.time.After(0, l.depart)
		return
	}
	l.direction.recycle(l.departing)
	l.departing, l.delivered = l.departing[:0], 0
	l.rearm()
}

// next returns the next frame that is due.
func (l *virtualLane) next() ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.delivered == len(l.departing) && !l.stopped && now >= l.wake {
		l.wake = 0
		l.departing = l.direction.departures(now, l.departing)
	}
	if l.delivered == len(l.departing) {
		return nil, false
	}
	l.delivered++
	return l.departing[l.delivered-1].frame, true
}
