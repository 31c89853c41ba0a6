package udpq

import (
	"rawlab/framing"
	"rawlab/udpq/fragment"
	"rawlab/udpq/pmtu"
)

// openFragments gets the client what it needs for events in pieces.
func (c *Client) openFragments() {
	c.path = newPath(c.config.Clock, c.config.Datagram, c.prober())
	if c.link != nil && c.config.Fragments != FragmentsIP {
		c.link.onLarge = c.path.use
		c.path.fit = func() {
			most := 0
			if c.cuts {
				most = c.room()
			}
			c.link.fit(c.budget(), most)
		}
		c.path.fit()
	}
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

// prober returns what sends probes, nil if there is no use in them.
func (c *Client) prober() func(pmtu.Probe) error {
	if c.config.Fragments == FragmentsIP && c.config.PackBudget != PackAuto || c.line.Load().prober == nil {
		return nil
	}
	return func(p pmtu.Probe) error {
		l := c.line.Load()
		if l.prober == nil {
			return nil // it is another socket by now: unanswered
		}
		c.pace.take(1, p.Size)
		return l.probe(padded(p, c.origin), nil)
	}
}

// room is the largest datagram to make.
func (c *Client) room() int {
	room := int(c.path.size.Load())
	if pack := c.config.PackBudget; pack > 0 {
		return max(room, pack+c.config.rung().headerBytes())
	}
	return room
}

// budget is what an event may take of a datagram.
func (c *Client) budget() int { return c.room() - c.config.rung().headerBytes() }

// mustCut reports whether a frame must be cut. The caller holds mu.
func (c *Client) mustCut(size int) bool {
	if !c.cuts || size+c.config.rung().headerBytes() <= pmtu.Base {
		return false
	}
	c.path.use()
	return size > c.budget()
}

// fitPacker makes an empty packer as large as the path takes, if that is
// wanted. The caller holds mu.
func (c *Client) fitPacker() {
	if c.config.PackBudget != PackAuto || c.packer.Len() > 0 {
		return
	}
	c.path.use()
	if budget := c.budget(); budget != c.fitted {
		c.packer, c.fitted = framing.NewPacker(budget), budget
	}
}

// sendCut sends an encoded event in pieces. The caller holds mu.
func (c *Client) sendCut(f *framing.Frame, event []byte) error {
	b, sizes := c.cutter.cut(c.config.Clock.Now(), event, f.Origin, f.Sequence, c.budget())
	if c.link == nil {
		err := c.transmitAll(&train{b, sizes}, func([]byte) {})
		if err != nil {
			c.notSent(event) // once, however many pieces were refused
		}
		return err
	}
	for _, n := range sizes {
		if err := c.link.post(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
