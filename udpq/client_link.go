package udpq

import (
	"context"
	"errors"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// ErrReliability says that the server does not speak the rung asked for.
var ErrReliability = errors.New("the server does not speak this reliability")

// openLink gets the client what it needs for its rung.
func (c *Client) openLink() {
	rung := newRung(c.config.Reliability, c.config.Unordered)
	if rung == "" {
		return
	}
	c.link = newLink(c.config.Clock, rung, c.transmit)
	c.link.onFail = c.fail
}

// lockWithRoom locks mu when there is room for an event, or the conversation
// is over.
func (c *Client) lockWithRoom() {
	for {
		c.mu.Lock()
		if c.link == nil || c.last || c.err != nil {
			return
		}
		room, changed, err := c.link.ready((*ack.Sender).Room)
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
	if c.link == nil {
		return c.transmit(frames)
	}
	return c.link.post(frames)
}

// settle waits until everything emitted is acknowledged, if it ever is.
func (c *Client) settle(ctx context.Context) error {
	for c.link != nil {
		idle, changed, err := c.link.ready((*ack.Sender).Idle)
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

// openLinked obeys a datagram of a conversation with acknowledgements.
func (c *Client) openLinked(datagram []byte) error {
	frames, h, found, invalid := ack.Split(datagram)
	switch {
	case invalid > 0:
		c.count(invalid)
		return nil
	case !found:
		return c.openFrames(datagram, false)
	}
	c.link.acknowledged(&h)
	if h.Number == 0 {
		return nil
	}
	for _, b := range c.link.accept(&h, frames) {
		if err := c.openFrames(b, true); err != nil {
			return err
		}
	}
	c.link.acknowledge()
	return nil
}

// openFrames obeys frames. Events count only out of numbered datagrams: one
// that has lost its number will come again.
func (c *Client) openFrames(datagram []byte, events bool) error {
	invalid := 0
	for f, err := range framing.Unpack(datagram) {
		if err != nil || f.Kind == framing.KindEvent && !events {
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
