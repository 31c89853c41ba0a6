package udpq

import (
	"sync"

	"rawlab/udpq/nack"
)

// LinkStats is what the server's ends of all conversations on a rung have
// done so far.
type LinkStats struct {
	Taken          uint64 // datagrams with events taken from the socket, those that came again too
	Retransmits    uint64 // times that a datagram of events was sent again
	Unacknowledged int    // datagrams of events sent and not acknowledged now

	// With ReliabilityNack:
	Sending   nack.SenderStats   // datagrams of ignored topics
	Receiving nack.ReceiverStats // datagrams of emitters

	FEC FECStats // with ReliabilityFEC
}

// linkSet is a server's links, for their sums.
type linkSet struct {
	mu    sync.Mutex
	open  map[*link]struct{}
	ended LinkStats
}

func (s *linkSet) add(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*link]struct{})
	}
	s.open[l] = struct{}{}
}

// remove keeps what an ended link has done. What it left unacknowledged
// nobody waits for any more.
func (s *linkSet) remove(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.open[l]; known {
		delete(s.open, l)
		s.ended.add(l)
		s.ended.Unacknowledged = 0
	}
}

func (s *linkSet) sum() LinkStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.ended
	for l := range s.open {
		sum.add(l)
	}
	return sum
}

func (s *LinkStats) add(l *link) {
	var c ClientStats
	l.stats(&c)
	s.Taken += c.Taken
	s.Retransmits += c.Retransmits
	s.Unacknowledged += c.Unacknowledged
	s.Sending, s.Receiving = s.Sending.Plus(c.Sending), s.Receiving.Plus(c.Receiving)
	s.FEC = s.FEC.plus(c.FEC)
}
