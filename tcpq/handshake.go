package tcpq

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// greet waits for the hello, and checks whom it is from. When time is over it
// comes too late, even at that moment: nothing more could be read.
func (c *conn) greet() (framing.Frame, error) {
	timer := c.server.config.Clock.AfterFunc(c.server.config.HandshakeTimeout, func() { c.raw.SetReadDeadline(past) })
	f, err := c.readHello()
	if c.late = !timer.Stop(); c.late && err == nil {
		err = os.ErrDeadlineExceeded
	}
	return f, err
}

// readHello reads the first frame, under TLS if that is spoken here.
func (c *conn) readHello() (framing.Frame, error) {
	if err := c.shake(); err != nil {
		return framing.Frame{}, err
	}
	if c.tooMany != nil {
		return framing.Frame{}, c.tooMany
	}
	f, err := c.reader.Next()
	if err != nil {
		return f, err
	}
	if f.Kind != framing.KindHello {
		return f, fmt.Errorf("%w: the first frame is %v, not hello", framing.ErrInvalid, f.Kind)
	}
	h, err := framing.ParseHello(f.Payload)
	if err != nil {
		return f, err
	}
	if h.MinVersion > framing.Version || h.MaxVersion < framing.Version {
		return f, fmt.Errorf("%w: client speaks %d to %d, server %d", framing.ErrVersion, h.MinVersion, h.MaxVersion, framing.Version)
	}
	return f, c.gate.Enter(c.server.config.Keyring, h.Token)
}

// tlsError is a TLS handshake that failed.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

func (c *conn) shake() error {
	if c.secure == nil {
		return nil
	}
	if err := c.secure.Handshake(); err != nil {
		return &tlsError{err}
	}
	return nil
}

// isPlain reports whether the client does not speak TLS at all.
func isPlain(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

func isLimit(err error) bool {
	_, ok := errors.AsType[*queue.LimitError](err)
	return ok
}

// reject says why there is no conversation.
func (c *conn) reject(err error) {
	code, words := c.verdict(err)
	if c.late {
		code, words = framing.CodeTimeout, fmt.Sprintf("no hello within %v", c.server.config.HandshakeTimeout)
	}
	c.server.refuse(refusalReason(err, code))
	to := io.Writer(c.net)
	switch _, noTLS := errors.AsType[*tlsError](err); {
	case isPlain(err):
		to = c.raw // it understands that
	case noTLS:
		return // nothing can be said
	}
	defer c.server.config.Clock.AfterFunc(partingTime, c.cut).Stop()
	w := framing.NewWriter(to)
	if w.Write(&framing.Frame{Kind: framing.KindError, Code: code, Payload: []byte(words)}) == nil {
		w.Flush() // the client may be gone; it was told as well as possible
	}
	c.linger()
}

// attach puts the client at the queue and welcomes it.
func (c *conn) attach(hello framing.Frame) {
	h, _ := framing.ParseHello(hello.Payload) // greet has parsed it
	origin := hello.Origin
	if origin == 0 {
		origin = edge.DrawOrigin()
	}
	config := &c.server.config
	session := c.server.queue.Attach(&queue.SessionConfig{
		Origin: origin, Name: string(h.Name), OutboxBytes: config.OutboxBytes, Overflow: config.Policy,
		MaxSubscriptions: config.MaxSubscriptions, Meter: c.server.meter, OnEnd: c.part, Deduplicate: true,
		Work: func() { c.writers.Go(c.write) }, TryWrite: c.tryWrite(),
	})
	c.mu.Lock()
	c.session = session
	c.mu.Unlock()
	w := framing.Welcome{Version: framing.Version, Limit: uint32(config.FrameLimit), Epoch: c.server.queue.Epoch()}
	session.Reply(&framing.Frame{Kind: framing.KindWelcome, Origin: origin, Payload: w.Append(nil)})
	c.renew() // the keyring may have changed since it was asked
}
