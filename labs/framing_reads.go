package labs

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"rawlab/capture/account"
	"rawlab/framing"
)

// countedReads counts what a host's applications read from the connections
// that they accept.
type countedReads struct {
	mu    sync.Mutex
	conns []*readings
}

// readings are what one connection's reads gave the application.
type readings struct {
	from   string
	reads  int
	joined int // with bytes of two frames or more
	inside int // that ended inside of a frame
	frames int // whole ones
	rest   []byte
}

// around puts itself around the server's host.
func (r *countedReads) around(side int, h Host) Host {
	if side != account.Server {
		return h
	}
	return &readHost{h, r}
}

// of returns the readings of who connected from an address.
func (r *countedReads) of(from netip.AddrPort) readings {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if c.from == from.String() {
			return *c
		}
	}
	return readings{}
}

// note takes in what one read gave.
func (r *countedReads) note(c *readings, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.reads++
	touched := 0
	c.rest = append(c.rest, b...)
	at := 0
	for {
		size, err := framing.Peek(c.rest[at:], framing.DefaultLimit)
		if err != nil || len(c.rest)-at < size {
			break
		}
		at += size
		c.frames++
		touched++
	}
	c.rest = c.rest[:copy(c.rest, c.rest[at:])]
	if len(c.rest) > 0 {
		c.inside++
		touched++
	}
	if touched > 1 {
		c.joined++
	}
}

// readHost is a host whose accepted connections are read with a count.
type readHost struct {
	Host
	reads *countedReads
}

// Listen returns a listener whose connections count.
func (h *readHost) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := h.Host.Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &readListener{l, h.reads}, nil
}

type readListener struct {
	net.Listener
	reads *countedReads
}

func (l *readListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	own := &readings{from: c.RemoteAddr().String()}
	l.reads.mu.Lock()
	l.reads.conns = append(l.reads.conns, own)
	l.reads.mu.Unlock()
	return &readConn{c, l.reads, own}, nil
}

type readConn struct {
	net.Conn
	all *countedReads
	own *readings
}

func (c *readConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.all.note(c.own, b[:n])
	}
	return n, err
}
