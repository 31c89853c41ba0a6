package ack

import (
	"cmp"
	"slices"
	"time"
)

// OnMove says that the way to the other end is another: all that is on the way
// counts as lost, and what was learnt of the old path is forgotten (RFC 9000
// section 9.4).
func (s *Sender) OnMove() {
	for _, t := range s.flight.list {
		if s.current(t) {
			s.drop(t)
		}
	}
	slices.Sort(s.again)
	s.flight.cut(len(s.flight.list))
	s.probes = 0
	s.losses = losses{order: s.losses.order, episode: s.losses.episode + 1}
	s.rtt, s.pacer, s.measured = RTT{}, Pacer{}, time.Time{}
	s.control = NewController(cmp.Or(s.config.Congestion, Westwood))
}
