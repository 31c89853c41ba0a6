package udpq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

// ErrReliability says that the server does not speak the rung asked for.
var ErrReliability = errors.New("the server does not speak this reliability")

// openLink gets the client what it needs for its rung.
func (c *Client) openLink() {
	c.pace = newPacer(c.config.Pace, c.line.Load().conn.RemoteAddr())
	if c.config.rung() == (rung{}) {
		if c.pace != nil {
			c.link = newBareLink(c.config.Clock, c.pace, c.transmitBare)
		}
		return
	}
	c.link = newLink(c.config.Clock, c.config.rung(), tuning{true, c.config.Nack, c.config.Congestion, c.config.reports()}, c.transmitEvents)
	c.link.onFail, c.link.deliver, c.link.pace = c.fail, c.openAll, c.pace
	if m, is := c.link.machine.(bounding); is {
		m.bound(c.config.InboxBytes)
	}
}

// transmitEvents gives datagrams of the link to the kernel, which come again
// if the server would not know them now.
func (c *Client) transmitEvents(t *train) error {
	if c.silenced.Load() {
		return nil
	}
	return c.transmitAll(t, func([]byte) {})
}

// lockWithRoom locks mu when one may emit and there is room for an event of so
// many bytes, or the conversation is over.
func (c *Client) lockWithRoom(size int) {
	for {
		c.mu.Lock()
		if c.last || c.err != nil || c.held == nil && (c.link == nil || c.shares(size)) {
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
		room, changed, err := c.link.ready(c.link.roomy)
		if room || err != nil {
			return
		}
		c.mu.Unlock()
		c.link.answer() // what was gathered must leave before there is room again
		select {
		case <-changed:
		case <-c.over:
		}
	}
}

// shares reports whether an event of so many bytes goes into a datagram that
// room was found for before. The caller holds mu.
func (c *Client) shares(size int) bool {
	return c.packer != nil && c.packer.Len() > 0 && c.packer.Fits(size)
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
	if c.link != nil {
		c.link.finish()
	}
	for c.link != nil {
		idle, changed, err := c.link.ready(machine.idle)
		if idle {
			return c.link.unsure()
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

// UnacknowledgedError says that a conversation ended before everything that
// was emitted had been acknowledged: it may have arrived, or not.
type UnacknowledgedError struct {
	Datagrams int   // with one event or more each
	Err       error // why the conversation ended
}

func (e *UnacknowledgedError) Error() string {
	return fmt.Sprintf("%d datagrams of events not acknowledged: %v", e.Datagrams, e.Err)
}

func (e *UnacknowledgedError) Unwrap() error { return e.Err }

// settleLast is settle for CloseTimeout, and says how much is left over.
func (c *Client) settleLast() error {
	ctx, cancel := edge.WithTimeout(context.Background(), c.config.Clock, c.config.CloseTimeout, "acknowledging what was emitted")
	defer cancel()
	err := c.settle(ctx)
	if n := c.Stats().Unacknowledged; err != nil && n > 0 {
		return &UnacknowledgedError{n, err}
	}
	return err
}

// openLinked obeys a datagram of a conversation on a rung.
func (c *Client) openLinked(now time.Time, datagram []byte) error {
	o := c.link.open(now, datagram)
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
	return c.link.take(now)
}

// openAll obeys the frames that the link delivers.
func (c *Client) openAll(ready [][]byte) error {
	for _, b := range ready {
		c.kept = 0
		if err := c.openFrames(b, true); err != nil {
			return err
		}
		c.link.done(len(b) - c.kept) // the rest when the application takes it
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
		c.opened = f // where it is known to stay: a frame that is passed on would be allocated
		if err := c.obey(&c.opened); err != nil {
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
