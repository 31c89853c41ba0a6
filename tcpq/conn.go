package tcpq

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// partingTime is how long a client whose session has ended has to read why.
const partingTime = time.Second

var past = time.Unix(1, 0) // a deadline that is over on every clock

// conn is one connection at the server.
type conn struct {
	server  *Server
	net     socket
	reader  *framing.Reader
	tooMany bool // over MaxConnections: it is told so and closed
	late    atomic.Bool
	writers sync.WaitGroup // at most one at a time, while something waits
	written chan struct{}  // closed by the last

	mu       sync.Mutex
	session  *queue.Session // nil before the handshake
	draining bool
	parting  clock.Timer // cuts the connection of an ended session
}

func newConn(s *Server, c net.Conn) *conn {
	sock := newSocket(c)
	return &conn{server: s, net: sock, reader: sock.reader(s.config.FrameLimit), written: make(chan struct{})}
}

// run serves the connection to its end, and calls stopped once it will
// publish nothing more.
func (c *conn) run(stopped func()) {
	defer c.close()
	hello, err := c.greet()
	if err != nil {
		stopped()
		c.reject(err)
		return
	}
	session := c.attach(hello)
	defer session.Close()
	err = c.read()
	session.Commit()
	session.Settle()
	stopped()
	if !c.isDraining(err) {
		session.End(c.verdict(err))
	}
	<-c.written
	c.writers.Wait()
}

var errTooMany = errors.New("too many connections")

// greet waits for the hello.
func (c *conn) greet() (framing.Frame, error) {
	if c.tooMany {
		return framing.Frame{}, errTooMany
	}
	timer := c.server.config.Clock.AfterFunc(c.server.config.HandshakeTimeout, func() {
		c.late.Store(true)
		c.net.SetReadDeadline(past)
	})
	defer timer.Stop()
	f, err := c.reader.Next()
	if err != nil {
		return f, err
	}
	if f.Kind != framing.KindHello {
		return f, fmt.Errorf("%w: the first frame is %v, not hello", framing.ErrInvalid, f.Kind)
	}
	h, err := framing.ParseHello(f.Payload)
	if err == nil && (h.MinVersion > framing.Version || h.MaxVersion < framing.Version) {
		err = fmt.Errorf("%w: client speaks %d to %d, server %d", framing.ErrVersion, h.MinVersion, h.MaxVersion, framing.Version)
	}
	return f, err
}

// reject says why there is no conversation.
func (c *conn) reject(err error) {
	c.server.refused.Add(1)
	code, words := c.verdict(err)
	if c.late.Load() {
		code, words = framing.CodeTimeout, "no hello in time"
	}
	timer := c.server.config.Clock.AfterFunc(partingTime, c.cut)
	defer timer.Stop()
	w := framing.NewWriter(c.net)
	if w.Write(&framing.Frame{Kind: framing.KindError, Code: code, Payload: []byte(words)}) == nil {
		w.Flush() // the client may be gone; it was told as well as possible
	}
}

// attach puts the client at the queue and welcomes it.
func (c *conn) attach(hello framing.Frame) *queue.Session {
	h, _ := framing.ParseHello(hello.Payload) // greet has parsed it
	origin := hello.Origin
	if origin == 0 {
		origin = edge.DrawOrigin()
	}
	config := &c.server.config
	session := c.server.queue.Attach(&queue.SessionConfig{
		Origin: origin, Name: string(h.Name), OutboxBytes: config.OutboxBytes, Overflow: config.Policy,
		MaxSubscriptions: config.MaxSubscriptions, Meter: c.server.meter, OnEnd: c.part,
		Work: func() { c.writers.Go(c.write) }, TryWrite: c.net.tryWrite(),
	})
	c.mu.Lock()
	c.session = session
	c.mu.Unlock()
	w := framing.Welcome{Version: framing.Version, Limit: uint32(config.FrameLimit), Epoch: c.server.queue.Epoch()}
	session.Reply(&framing.Frame{Kind: framing.KindWelcome, Origin: origin, Payload: w.Append(nil)})
	return session
}

// verdict turns the end of reading into what the client is told, and counts
// bytes that made no sense.
func (c *conn) verdict(err error) (framing.Code, string) {
	size, tooLarge := errors.AsType[*framing.SizeError](err)
	code := framing.CodeInvalid
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return framing.CodeOK, ""
	case errors.Is(err, errTooMany):
		return framing.CodeLimit, err.Error()
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

func (c *conn) cut() { c.net.Close() }

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
