package udpq

import (
	"rawlab/framing"
	"rawlab/udpq/fragment"
)

// openFragments gets the client what it needs for events in pieces.
func (c *Client) openFragments() {
	timeout := c.config.FragmentTimeout
	switch c.config.Reliability {
	case ReliabilityAck:
		timeout = -1 // a piece that is lost comes again, or the conversation ends
	case ReliabilityNack:
		timeout = max(timeout, repairTime)
	}
	c.whole = &reassembly{
		clock: c.config.Clock, lost: c.fragmentLost,
		config: fragment.Config{Limit: maxFrame, Timeout: timeout},
	}
}

func (c *Client) fragmentLost(l fragment.Lost) {
	c.mu.Lock()
	c.stats.FragmentLost++
	c.mu.Unlock()
	if c.config.OnFragmentLost != nil {
		c.config.OnFragmentLost(l.Origin, l.Sequence)
	}
}

// obeyFragment obeys the frame inside once it is whole.
func (c *Client) obeyFragment(f *framing.Frame) error {
	inner, err := c.whole.accept(f)
	switch {
	case err != nil:
		c.count(1)
		return nil
	case inner == nil:
		return nil
	case c.link != nil && isStored(inner):
		if ready, ordered := c.link.whole(inner); ordered {
			return c.openAll(ready)
		}
	}
	return c.obey(inner)
}

// maxEmit is the largest emit frame that may leave.
func (c *Client) maxEmit() int {
	if c.cuts {
		return MaxEmit
	}
	return MaxWhole
}

// budget is what an event may take of a datagram.
func (c *Client) budget() int { return c.config.Datagram - c.config.rung().headerBytes() }

// sendCut sends an encoded event in pieces. The caller holds mu.
func (c *Client) sendCut(f *framing.Frame, event []byte) error {
	b, sizes := c.cutter.cut(c.config.Clock.Now(), event, f.Origin, f.Sequence, c.budget())
	if c.link == nil {
		return c.transmitAll(&train{b, sizes}, c.notSent)
	}
	for _, n := range sizes {
		if err := c.link.post(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
