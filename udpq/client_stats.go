package udpq

import (
	"rawlab/internal/queue/edge"
	"rawlab/udpq/nack"
)

// ClientStats is what a client has seen so far.
type ClientStats struct {
	edge.Counts        // what the numbers of received events have told
	Invalid     uint64 // frames received that were none
	Refused     uint64 // times that the kernel reported an earlier datagram as refused
	Moves       uint64 // times that the session went on from another address
	Over        bool   // the conversation has ended, by either end, and why Next tells

	Datagram   int    // the largest datagram that events are packed or cut for now
	BlackHoles uint64 // times that the path did not take any more what it had taken

	Fragments        uint64 // pieces of events received
	FragmentsRefused uint64 // of them: doubled, late, or in contradiction to others
	FragmentLost     uint64 // events of which pieces came, and not all

	// On a rung:
	Taken          uint64 // datagrams with events taken from the socket, those that came again too
	Retransmits    uint64 // times that a datagram of events was sent again
	Unacknowledged int    // datagrams of events emitted and not acknowledged; lost with the conversation when that ends

	// With ReliabilityNack:
	Sending   nack.SenderStats   // what was emitted
	Receiving nack.ReceiverStats // what was listened to: datagrams of ignored topics, and events of stored ones

	FEC FECStats // with ReliabilityFEC
}

// Stats returns what the client has seen so far.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Refused, s.Moves, s.Over = c.refusals.Load(), c.moves.Load(), c.isOver()
	s.Datagram, s.BlackHoles = c.room(), c.path.blackHoles()
	s.Fragments, s.FragmentsRefused = c.whole.pieces.Load(), c.whole.refused.Load()
	if c.link != nil {
		c.link.stats(&s)
	}
	return s
}
