package wire

import "math"

// CoDel's two numbers (RFC 8289, sections 4.3 and 4.4).
const (
	codelTarget   = 5e6   // ns: a queue that never waits less for an interval is a bad one
	codelInterval = 100e6 // ns: a round trip as they are
	codelMTU      = 1514  // bytes: one frame waiting is no queue
)

// codel is the state of RFC 8289, section 5.1; times are ns.
type codel struct {
	firstAbove int64 // when a sojourn that stays above target begins to count; 0: it does not
	dropNext   int64
	count      int64 // drops since dropping began
	lastCount  int64
	dropping   bool
}

// enqueue takes a packet; false if the queue is full.
func (s *shaper) enqueue(w waiting) bool {
	if s.full(len(s.queue), s.queued, len(w.frame)) {
		return false
	}
	s.queue = append(s.queue, w)
	s.queued += len(w.frame)
	return true
}

// next returns when the line takes the next packet; false if none waits.
func (s *shaper) next() (int64, bool) {
	if len(s.queue) == 0 {
		return 0, false
	}
	return max(s.free, s.queue[0].arrived), true
}

// dequeue is RFC 8289's, section 5.4: it drops what must be dropped at now
// and returns the packet that the line takes; false if none is left.
func (s *shaper) dequeue(now int64) (waiting, bool) {
	c := &s.codel
	w, some, mayDrop := s.take(now)
	switch {
	case c.dropping && !mayDrop:
		c.dropping = false
	case c.dropping:
		for c.dropping && now >= c.dropNext {
			s.dropped = append(s.dropped, w)
			c.count++
			if w, some, mayDrop = s.take(now); !mayDrop {
				c.dropping = false
			} else {
				c.dropNext = controlLaw(c.dropNext, c.count)
			}
		}
	case mayDrop:
		s.dropped = append(s.dropped, w)
		w, some, _ = s.take(now)
		c.dropping = true
		// Near the last time, begin with the rate of drops that held then.
		delta := c.count - c.lastCount
		c.count = 1
		if delta > 1 && now-c.dropNext < 16*codelInterval {
			c.count = delta
		}
		c.dropNext = controlLaw(now, c.count)
		c.lastCount = c.count
	}
	return w, some
}

// take is the section's dodequeue: it takes the head and tells whether its
// sojourn, and those before for an interval, were above target.
func (s *shaper) take(now int64) (w waiting, some, mayDrop bool) {
	c := &s.codel
	if len(s.queue) == 0 {
		c.firstAbove = 0
		return waiting{}, false, false
	}
	w = s.queue[0]
	s.queue[0] = waiting{}
	s.queue = s.queue[1:]
	s.queued -= len(w.frame)
	switch {
	case now-w.arrived < codelTarget || s.queued <= codelMTU:
		c.firstAbove = 0
	case c.firstAbove == 0:
		c.firstAbove = now + codelInterval
	default:
		mayDrop = now >= c.firstAbove
	}
	return w, true, mayDrop
}

// controlLaw spaces drops by the inverse square root of their count, which
// makes TCP's throughput fall linearly (section 5.2).
func controlLaw(t, count int64) int64 {
	return t + int64(codelInterval/math.Sqrt(float64(count)))
}
