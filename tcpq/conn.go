package tcpq

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
)

// partingTime is how long a client whose session has ended has to read why.
const partingTime = time.Second

var past = time.Unix(1, 0) // a deadline that is over on every clock

// conn is one connection at the server.
type conn struct {
	server  *Server
	raw     net.Conn // what was accepted
	net     socket   // the same, or TLS over it
	secure  *tls.Conn
	reader  *framing.Reader
	tooMany error // over a limit of connections: it is told so and closed
	late    bool  // the hello did not come in time
	gate    access.Gate
	pulse   pulse
	writers sync.WaitGroup // at most one at a time, while something waits
	written chan struct{}  // closed by the last

	mu       sync.Mutex
	session  *queue.Session // nil before the handshake
	draining bool
	parting  clock.Timer // cuts the connection of an ended session
}

func newConn(s *Server, c net.Conn) *conn {
	n := &conn{server: s, raw: c, net: newSocket(c), written: make(chan struct{})}
	if s.config.TLS != nil {
		n.secure = tls.Server(c, s.config.TLS)
		n.net = newSocket(n.secure)
	}
	n.reader = n.newReader()
	return n
}

// run serves the connection to its end, and calls stopped once it will
// publish nothing more.
func (c *conn) run(stopped func()) {
	defer c.close()
	if err := c.enter(); err != nil {
		stopped()
		c.reject(err)
		return
	}
	defer c.session.Close()
	c.leave(c.read(), stopped)
}

// enter shakes hands and attaches the client to the queue.
func (c *conn) enter() error {
	hello, err := c.greet()
	if err == nil {
		c.attach(hello)
	}
	return err
}

// leave ends the conversation in good order once nothing more is read.
func (c *conn) leave(err error, stopped func()) {
	c.session.Commit()
	c.session.Settle()
	stopped()
	if !c.isDraining(err) {
		c.session.End(c.verdict(err))
	}
	<-c.written
	c.writers.Wait()
	c.linger()
}

// verdict turns the end of reading into what the client is told, and counts
// bytes that made no sense.
func (c *conn) verdict(err error) (framing.Code, string) {
	size, tooLarge := errors.AsType[*framing.SizeError](err)
	code := framing.CodeInvalid
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return framing.CodeOK, ""
	case isLimit(err):
		return framing.CodeLimit, err.Error()
	case access.IsDenied(err):
		return framing.CodeUnauthorized, err.Error()
	case isPlain(err):
		return framing.CodeInvalid, "this server speaks TLS: use tls:// instead of tcp://"
	case tooLarge:
		code, err = framing.CodeTooLarge, size
	case c.isDraining(err):
		return framing.CodeShutdown, "the server is stopping"
	case errors.Is(err, framing.ErrVersion):
		code = framing.CodeVersion
	case errors.Is(err, framing.ErrInvalid), errors.Is(err, framing.ErrChecksum):
	default:
		c.server.log.Debug("connection broke", "peer", c.net.RemoteAddr(), "err", err)
		return framing.CodeInternal, "connection broke"
	}
	c.server.meter.Drop(queue.FateFrameInvalid, &framing.Frame{})
	c.server.log.Debug("invalid frame", "peer", c.net.RemoteAddr(), "err", err)
	return code, err.Error()
}

// part gives an ended session's client a moment to read why, then cuts. A
// server that drains has its own time for that.
func (c *conn) part() {
	c.net.SetReadDeadline(past)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.draining {
		c.parting = c.server.config.Clock.AfterFunc(partingTime, c.cut)
	}
}

// linger waits until the client has read why and closed, or partingTime is
// over: who closes while bytes are unread resets the connection, and takes
// back what was said last (RFC 1122, section 4.2.2.13).
func (c *conn) linger() {
	timer := c.server.config.Clock.AfterFunc(partingTime, c.cut)
	defer timer.Stop()
	if c.secure != nil {
		c.secure.CloseWrite() // fails where the connection is over
	}
	half, ok := c.raw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.raw.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, c.raw)
}

// cut ends the connection at once; TLS has no time to part.
func (c *conn) cut() { c.raw.Close() }

// close is the end of run.
func (c *conn) close() {
	c.net.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parting != nil {
		c.parting.Stop()
	}
}

// stopReading ends read, and read alone, once what has arrived is published.
func (c *conn) stopReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	c.net.SetReadDeadline(past)
}

func (c *conn) isDraining(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining && errors.Is(err, os.ErrDeadlineExceeded)
}

func (c *conn) shutDown() {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session != nil {
		session.End(framing.CodeShutdown, "the server is stopping")
	}
}
