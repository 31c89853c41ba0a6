package ack

import "rawlab/framing"

// Constants of RFC 9002, in bytes of UDP payload.
const (
	segment       = framing.DefaultDatagram // max_datagram_size
	initialWindow = min(10*segment, 14720)  // section 7.2
	minWindow     = 2 * segment             // section 7.2
	maxCongestion = 1 << 30                 // no path needs more; it keeps sums from overflowing
	noThreshold   = maxCongestion           // slow start until something is lost
)

// NewReno is how many bytes may be on the way (RFC 9002 section 7). It was
// chosen over CUBIC because its answer to a loss depends on nothing but the
// bytes: a run on virtual time repeats, and a lab compares it with TCP's reno.
//
// Transmissions are numbered in the order they were made; what was sent
// before a loss was noticed does not count again (section 7.3.2).
type NewReno struct {
	window, threshold int
	recovery          uint64 // the first transmission after the last loss was noticed
}

// NewNewReno returns a controller at the start of a conversation.
func NewNewReno() NewReno { return NewReno{window: initialWindow, threshold: noThreshold} }

// Window returns how many bytes may be on the way.
func (c *NewReno) Window() int { return c.window }

// OnAck takes the acknowledgement of a transmission. What did not use the
// window does not widen it (section 7.8).
func (c *NewReno) OnAck(bytes int, order uint64, used bool) {
	switch {
	case order < c.recovery || !used:
	case c.window < c.threshold:
		c.window += bytes
	default:
		c.window += max(1, segment*bytes/c.window)
	}
	c.window = min(c.window, maxCongestion)
}

// OnLoss halves the window, once for all that was sent before next.
func (c *NewReno) OnLoss(order, next uint64) {
	if order < c.recovery {
		return
	}
	c.recovery = next
	c.window = max(c.window/2, minWindow)
	c.threshold = c.window
}

// OnTimeout starts again from the least window (RFC 5681 section 3.1 (4),
// RFC 9002 section 7.6.2).
func (c *NewReno) OnTimeout(inFlight int, next uint64) {
	c.threshold = max(inFlight/2, minWindow)
	c.window = minWindow
	c.recovery = next
}
