package udpq

import (
	"context"
	"errors"
	"fmt"
	"net"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

// line is a client's socket.
type line struct {
	*socket
	conn net.Conn
}

// connect opens a socket to the server.
func (c *Client) connect(ctx context.Context) (*line, error) {
	conn, err := c.config.Dial(ctx, "udp", c.addr)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c.addr, err)
	}
	if err := growReceiveBuffer(conn, c.config.ReceiveBuffer); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the receive buffer: %w", err), conn.Close())
	}
	return &line{newClientSocket(conn, c.config.Offload), conn}, nil
}

// Rebind goes on with the session over another socket, as after a change of
// network; the old one is closed. Emit waits meanwhile. Stored events that were
// on their way to the old address come again, as redelivered, and with
// ReliabilityAck all do. Nobody needs to call it: a client that hears nothing,
// or that the server does not know by its address any more, goes on by itself.
// The way there is [framing.KindMove].
func (c *Client) Rebind(ctx context.Context) error {
	select {
	case c.moving <- struct{}{}:
		defer func() { <-c.moving }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer c.hold()()
	if err := c.reopen(ctx); err != nil {
		return fmt.Errorf("rebinding: %w", err)
	}
	if err := c.move(ctx, c.config.Tries); err != nil {
		return fmt.Errorf("rebinding: %w", err)
	}
	return nil
}

// hold lets nobody emit until release is called.
func (c *Client) hold() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush() // an error here is loss on the way too
	held := make(chan struct{})
	c.held = held
	c.silenced.Store(true)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.held = nil
		c.silenced.Store(false)
		close(held)
	}
}

// reopen replaces the socket.
func (c *Client) reopen(ctx context.Context) error {
	fresh, err := c.connect(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return errors.Join(c.err, fresh.close())
	}
	return c.line.Swap(fresh).close()
}

// move asks the server to go on with the session at this address.
func (c *Client) move(ctx context.Context, tries int) error {
	f := framing.Frame{Kind: framing.KindMove, Origin: c.origin, Time: c.born}
	_, err := c.askOpenly(ctx, &f, tries, func() { f.Payload = proofOf(c.key, f.Offset) })
	if err != nil {
		return err
	}
	c.moves.Add(1)
	c.path.moved()
	c.silenced.Store(false)
	if c.link != nil {
		c.link.moved()
	}
	return nil
}

// seekTries is how often a client that hears nothing asks over its socket
// before it takes another.
const seekTries = 3

const wordsRestarted = "it does not know this session; it may have been restarted"

// seek finds the server again: over this socket, since the address that the
// server sees may be another, else over a new one. The caller is one of the
// client's goroutines.
func (c *Client) seek() {
	select {
	case c.moving <- struct{}{}:
	default:
		return // somebody is at it
	}
	c.running.Go(func() {
		defer func() { <-c.moving }()
		err := c.move(c.life, seekTries)
		if errors.Is(err, ErrNoAnswer) {
			if err = c.reopen(c.life); err == nil {
				err = c.move(c.life, c.config.Tries)
			}
		}
		refused, ok := errors.AsType[*edge.RefusedError](err)
		switch {
		case ok && refused.Code == framing.CodeUnauthorized:
			c.fail(&ClosedError{Code: framing.CodeUnauthorized, Words: wordsRestarted})
		case err != nil && c.config.KeepAlive < 0: // nobody else would notice
			c.fail(err)
		}
	})
}
