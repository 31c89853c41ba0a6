package tcpq

import (
	"fmt"
	"time"

	"rawlab/framing"
)

const (
	hurryBytes = 64 << 10               // so much gathered is written without further waiting
	rushBytes  = 4 << 10                // so much gathered during one write says that more is coming
	rushTime   = 200 * time.Microsecond // then it gathers for so long
	idleTime   = 20 * time.Microsecond  // without a write: then who emits writes
)

// outgoing is encoded frames on their way to the socket. Who has something
// urgent, or much, writes it himself as far as the socket takes it at once; a
// goroutine writes the rest. The client's mu guards it.
type outgoing struct {
	out     []byte // frames that wait to be taken
	taken   []byte // what is being written
	rest    []byte // of it, for the writer to write
	spare   []byte // an empty buffer
	writing bool   // taken is not written yet
	rush    bool   // so much comes that it is worth gathering
	last    bool   // nothing will follow what waits
	wrote   time.Time
}

// gather adds a frame. The caller holds mu.
func (c *Client) gather(f *framing.Frame) error {
	out, err := f.Append(c.out)
	c.out = out
	return err
}

// send adds a frame for the writer. The caller holds mu.
func (c *Client) send(f *framing.Frame) error {
	err := c.gather(f)
	c.work.Signal()
	return err
}

// emitted lets what was gathered go, now or soon. First says that nothing
// waited before it. The caller holds mu, which is free meanwhile.
func (c *Client) emitted(first bool) {
	switch {
	case c.writing:
	case len(c.out) >= hurryBytes:
		c.rush = c.conn.direct != nil
		c.push()
	case !first:
	case c.config.FlushInterval <= 0 && c.conn.direct != nil && c.config.Clock.Now().Sub(c.wrote) >= idleTime:
		c.push()
	default:
		c.work.Signal()
	}
}

// push lets what was gathered go now. The caller holds mu, which is free
// meanwhile.
func (c *Client) push() {
	if c.conn.direct == nil || c.writing || len(c.out) == 0 || c.err != nil {
		c.work.Signal()
		c.hasten()
		return
	}
	out := c.take()
	c.mu.Unlock()
	n, _ := c.conn.direct.TryWrite(out) // an error comes again when the writer writes
	c.mu.Lock()
	if n < len(out) {
		c.rest = out[n:]
		c.work.Signal()
		return
	}
	c.written()
	if len(c.out) > 0 || c.last {
		c.work.Signal()
	}
}

// take trades what was gathered for an empty buffer.
func (c *Client) take() []byte {
	c.taken, c.out, c.spare = c.out, c.spare, nil
	c.writing = true
	c.room.Broadcast()
	return c.taken
}

// written says that the socket has what was taken.
func (c *Client) written() {
	c.spare, c.taken, c.rest = c.taken[:0], nil, nil
	c.writing = false
	c.wrote = c.config.Clock.Now()
}

func (c *Client) hasten() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

// write is the goroutine that writes what nobody else has written.
func (c *Client) write() {
	for {
		out, ok := c.gathered()
		if !ok {
			return
		}
		if _, err := c.conn.Write(out); err != nil {
			c.fail(fmt.Errorf("connection to the server broke: %w", err))
			return
		}
		c.mu.Lock()
		c.written()
		c.rush = c.conn.direct != nil && len(c.out) >= rushBytes
		c.mu.Unlock()
	}
}

// gathered waits for something to write. It reports false when there will be
// nothing.
func (c *Client) gathered() ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for lingered := false; ; {
		switch {
		case c.err != nil:
			return nil, false
		case len(c.rest) > 0:
			return c.rest, true
		case c.writing || len(c.out) == 0 && !c.last:
			c.work.Wait()
		case len(c.out) == 0:
			return nil, false
		case c.linger(lingered):
			lingered = true
		default:
			return c.take(), true
		}
	}
}

// linger lets more gather: while a rush lasts, and once as the configuration
// says. It reports whether it has. The caller holds mu, which is free
// meanwhile.
func (c *Client) linger(already bool) bool {
	wait := c.config.FlushInterval
	if already {
		wait = 0
	}
	if c.rush {
		c.rush, wait = false, max(wait, rushTime)
	}
	if wait <= 0 || c.last || len(c.out) >= hurryBytes {
		return false
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	t := c.config.Clock.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C():
	case <-c.hurry:
	}
	return true
}
