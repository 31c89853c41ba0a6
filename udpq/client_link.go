package udpq

import (
	"context"
	"errors"

	"rawlab/framing"
)

// ErrReliability says that the server does not speak the rung asked for.
var ErrReliability = errors.New("the server does not speak this reliability")

// openLink gets the client what it needs for its rung.
func (c *Client) openLink() {
	if c.config.rung() == (rung{}) {
		return
	}
	c.link = newLink(c.config.Clock, c.config.rung(), c.transmitEvents)
	c.link.onFail, c.link.deliver = c.fail, c.openAll
}

// transmitEvents gives a datagram of the link to the kernel, which comes again
// if the server would not know it now.
func (c *Client) transmitEvents(b []byte) error {
	if c.silenced.Load() {
		return nil
	}
	return c.transmit(b)
}

// lockWithRoom locks mu when one may emit and there is room for an event, or
// the conversation is over.
func (c *Client) lockWithRoom() {
	for {
		c.mu.Lock()
		if c.last || c.err != nil || c.held == nil && c.link == nil {
			return
		}
		if held := c.held; held != nil {
			c.mu.Unlock()
			select {
			case <-held:
			case <-c.over:
			}
			continue
		}
		room, changed, err := c.link.ready(machine.room)
		if room || err != nil {
			return
		}
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.over:
		}
	}
}

// carry sends the frames of events as one datagram. The caller holds mu.
func (c *Client) carry(frames []byte) error {
	if c.link != nil {
		return c.link.post(frames)
	}
	err := c.transmit(frames)
	if err != nil {
		c.notSent(frames)
	}
	return err
}

// settle waits until nothing of what was emitted is open any more.
func (c *Client) settle(ctx context.Context) error {
	for c.link != nil {
		idle, changed, err := c.link.ready(machine.idle)
		if idle {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// openLinked obeys a datagram of a conversation on a rung.
func (c *Client) openLinked(datagram []byte) error {
	o := c.link.open(datagram)
	switch {
	case o.invalid > 0:
		return c.link.alone(func() error {
			c.count(o.invalid)
			return nil
		})
	case !o.mine:
		if err := c.link.alone(func() error { return c.openFrames(datagram, false) }); err != nil {
			return err
		}
	}
	if !o.events && !c.link.due() {
		return nil
	}
	return c.link.take()
}

// openAll obeys the frames that the link delivers.
func (c *Client) openAll(ready [][]byte) error {
	for _, b := range ready {
		if err := c.openFrames(b, true); err != nil {
			return err
		}
		c.link.done(len(b))
	}
	return nil
}

// openFrames obeys frames. On a rung, events count only out of its own
// datagrams: one that has lost its number will come again.
func (c *Client) openFrames(datagram []byte, events bool) error {
	invalid := 0
	for f, err := range framing.Unpack(datagram) {
		if err != nil || (f.Kind == framing.KindEvent || f.Kind == framing.KindFragment) && !events {
			invalid++
			continue
		}
		if err := c.obey(&f); err != nil {
			return err
		}
	}
	c.count(invalid)
	return nil
}

// count brings the numbers up to date.
func (c *Client) count(invalid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Counts = c.tracker.Counts()
	c.stats.Invalid += uint64(invalid)
}
