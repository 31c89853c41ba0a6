package udpq

import (
	"errors"
	"net"
	"syscall"

	"rawlab/framing"
)

// send sends a frame that is no event as one datagram. The caller holds mu.
func (c *Client) send(f *framing.Frame) error {
	return c.encode(f, func(b []byte) error {
		c.pace.take(1, len(b))
		return c.transmit(b)
	})
}

// sendEvent sends an event as one datagram, or in pieces. The caller holds mu.
func (c *Client) sendEvent(f *framing.Frame, send func([]byte) error) error {
	if c.mustCut(f.Size()) {
		return errors.Join(c.flush(), c.encode(f, func(event []byte) error { return c.sendCut(f, event) }))
	}
	return c.encode(f, send)
}

func (c *Client) encode(f *framing.Frame, send func([]byte) error) error {
	f.Flags |= framing.FlagCRC
	b, err := f.Append(c.buf[:0])
	if err != nil {
		return err
	}
	c.buf = b
	return send(b)
}

// say is send for whoever does not hold mu.
func (c *Client) say(f *framing.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send(f)
}

// transmit gives a datagram to the kernel. ECONNREFUSED reports that an
// earlier one found nobody (an ICMP port unreachable came back, RFC 1122
// section 4.1.3.3), so this one has not been tried yet.
func (c *Client) transmit(b []byte) error {
	l := c.line.Load()
	err := l.send(b, nil)
	if errors.Is(err, syscall.ECONNREFUSED) {
		c.refusals.Add(1)
		err = l.send(b, nil)
	}
	if errors.Is(err, net.ErrClosed) && c.line.Load() != l {
		return c.transmit(b) // it was replaced meanwhile
	}
	return err
}

// sendTrain sends the datagrams of the train. The caller holds mu.
func (c *Client) sendTrain() error {
	defer c.train.clear()
	return c.transmitAll(&c.train, c.notSent)
}

// transmitAll gives the kernel datagrams, and once more those that were not
// tried yet, see transmit. Refused is told of those that it does not take.
func (c *Client) transmitAll(t *train, refused func([]byte)) error {
	if len(t.sizes) == 1 {
		err := c.transmit(t.b)
		if err != nil {
			refused(t.b)
		}
		return err
	}
	var errs error
	note := func(b []byte, err error) {
		if err != nil {
			refused(b)
		}
		errs = errors.Join(errs, err)
	}
	to, rest, l := new(datagram), t.sizes, c.line.Load()
	l.sendAll(t.b, t.sizes, to, func(b []byte, err error) {
		n := countIn(rest, len(b))
		if errors.Is(err, syscall.ECONNREFUSED) {
			c.refusals.Add(1)
			l.sendAll(b, rest[:n], to, note)
		} else {
			note(b, err)
		}
		rest = rest[n:]
	})
	return errs
}
