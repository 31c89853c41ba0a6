package wire

import (
	"sync"
	"time"
)

// VirtualConfig says what a virtual wire runs on.
type VirtualConfig struct {
	Impairments [2]Impairment // of the two directions
	Seed        uint64
	Identify    Identify
	Now         func() time.Time
	After       func(d time.Duration, f func()) // runs f once d has passed
	Deliver     [2]func(frame []byte)           // given each frame at the end of a direction; the frame is valid during the call
}

// Virtual is a wire without interfaces or threads: frames are handed to it
// and leave it on a clock that its caller drives.
type Virtual struct {
	lanes [2]*virtualLane
}

// virtualLane is one direction of a virtual wire.
type virtualLane struct {
	config  *VirtualConfig
	deliver func([]byte)

	mu        sync.Mutex
	direction *direction
	departing [][]byte // due, to be delivered one by one
	delivered int      // of departing
	wake      int64    // when the lane looks for departures next, ns since the Unix epoch; 0 if never
	stopped   bool
}

// NewVirtual returns a wire that carries frames at once.
func NewVirtual(c *VirtualConfig) *Virtual {
	v := &Virtual{}
	for i := range v.lanes {
		v.lanes[i] = &virtualLane{
			config: c, deliver: c.Deliver[i],
			direction: newDirection(i, c.Seed, c.Impairments[i], c.Identify),
		}
	}
	return v
}

// Send puts a frame on the wire; it stays the caller's. Nothing is delivered
// before Send returns.
func (v *Virtual) Send(direction int, frame []byte) {
	l := v.lanes[direction]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	l.direction.accept(frame, l.now())
	l.rearm()
}

// Set does as [Wire.Set].
func (v *Virtual) Set(seed uint64, impairments [2]Impairment) error {
	for i := range impairments {
		if err := impairments[i].Validate(); err != nil {
			return err
		}
	}
	for i, l := range v.lanes {
		l.mu.Lock()
		l.direction.set(seed, impairments[i])
		l.direction.begin(l.now())
		l.rearm()
		l.mu.Unlock()
	}
	return nil
}

// Stats returns both directions' counters.
func (v *Virtual) Stats() [2]Stats {
	var s [2]Stats
	for i, l := range v.lanes {
		l.mu.Lock()
		d := l.direction
		s[i] = Stats{Counts: d.counts, Missing: d.ledger.Missing, Held: d.line.len(), Packets: d.ledger.n}
		l.mu.Unlock()
	}
	return s
}

// Stop ends the wire and returns its ledger by direction. What is still
// under way is never delivered and has the fate Held.
func (v *Virtual) Stop() [2][]Row {
	var rows [2][]Row
	for i, l := range v.lanes {
		l.mu.Lock()
		l.stopped = true
		rows[i] = l.direction.ledger.Rows()
		l.mu.Unlock()
	}
	return rows
}

func (l *virtualLane) now() int64 { return l.config.Now().UnixNano() }

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
		l.config.After(d, l.depart)
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
		l.config.After(0, l.depart)
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
	return l.departing[l.delivered-1], true
}
