package wire

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// When the ring of a port is this full, its host is asked to hold its
// packets back; when it is this empty, to let go. What is between full and
// the ring's end has to do for what the host sends until it obeys: 60 ms at
// full speed. What is left when it lets go keeps the wire busy meanwhile.
const (
	fullAt  = 4  // a fourth of the ring
	emptyAt = 32 // a thirty-second
)

// holder asks a port's host to wait while the wire cannot keep up, as
// Ethernet's pause frames do (IEEE 802.3, annex 31B). The answer may take the
// kernel a while, for which packets must not wait: so it has a goroutine.
type holder struct {
	ask   func(stop bool) // of the host
	held  bool            // what was asked for last; of the lane's thread
	stop  atomic.Bool     // the same, for the goroutine
	wake  chan struct{}   // one is enough: stop says which
	ended chan struct{}
}

// holdBy lets the port's host be held by ask, if there is one.
func (p *port) holdBy(ask func(port int, stop bool), index int) {
	if ask != nil {
		p.holder = newHolder(func(stop bool) { ask(index, stop) })
	}
}

func newHolder(ask func(stop bool)) *holder {
	h := &holder{ask: ask, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go h.run()
	return h
}

func (h *holder) run() {
	defer close(h.ended)
	now := false
	for range h.wake {
		if stop := h.stop.Load(); stop != now {
			h.ask(stop)
			now = stop
		}
	}
}

// watch looks at the ring after frames were taken from it.
func (h *holder) watch(p *port) {
	at := fullAt
	if h.held {
		at = emptyAt
	}
	if p.filled(p.frames()/at) == h.held {
		return
	}
	h.held = !h.held
	h.stop.Store(h.held)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// close lets go for good and waits until the host knows.
func (h *holder) close() {
	h.stop.Store(false)
	select {
	case h.wake <- struct{}{}:
	default:
	}
	close(h.wake)
	<-h.ended
}

// filled tells whether at least n frames wait in the ring.
func (p *port) filled(n int) bool {
	at := (p.next + n - 1) & (p.frames() - 1) * frameBytes
	return atomic.LoadUint32(statusOf(p.ring[at:]))&unix.TP_STATUS_USER != 0
}
