package udpq_test

import (
	"context"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/udpq"
)

// link is a network in memory, for bubbles of fake time: one server, any
// clients, and a say in what becomes of every datagram.
type link struct {
	mu      sync.Mutex
	server  *inbox
	clients map[string]*inbox
	dialed  int                     // clients, so that each gets an address of its own
	outside map[string]*net.UDPAddr // what a NAT makes of clients' addresses; nil: what it lets nothing through for
	// copies says how often a datagram arrives; nil is once.
	copies func(toServer bool, datagram []byte) int
}

// firstClient is the address of the first client of a link.
var firstClient = &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 1000}

func newLink() *link {
	return &link{server: newInbox(), clients: make(map[string]*inbox), outside: make(map[string]*net.UDPAddr)}
}

type packet struct {
	b    []byte
	from net.Addr
}

// inbox is the receiving side of a socket.
type inbox struct {
	packets chan packet
	closed  chan struct{}
	once    sync.Once
}

// newInbox returns an inbox with room for what a test has on the way.
func newInbox() *inbox { return &inbox{packets: make(chan packet, 1<<12), closed: make(chan struct{})} }

func (i *inbox) Close() error {
	i.once.Do(func() { close(i.closed) })
	return nil
}

func (i *inbox) read(b []byte) (int, net.Addr, error) {
	select {
	case p := <-i.packets:
		return copy(b, p.b), p.from, nil
	case <-i.closed:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// rule sets what decides over datagrams from now on.
func (l *link) rule(copies func(toServer bool, datagram []byte) int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copies = copies
}

func (l *link) carry(to *inbox, b []byte, from net.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 1
	if l.copies != nil {
		n = l.copies(to == l.server, b)
	}
	for range n {
		select {
		case to.packets <- packet{slices.Clone(b), from}:
		default: // full: lost, as on any network
		}
	}
}

// serverConn is the server's socket. Its only deadline is the past.
type serverConn struct {
	*link
	*inbox
}

func (s serverConn) ReadFrom(b []byte) (int, net.Addr, error) { return s.read(b) }

func (s serverConn) WriteTo(b []byte, to net.Addr) (int, error) {
	s.mu.Lock()
	client := s.clients[to.String()]
	s.mu.Unlock()
	if client != nil {
		s.carry(client, b, s.LocalAddr())
	}
	return len(b), nil
}

func (serverConn) LocalAddr() net.Addr               { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 9700} }
func (serverConn) SetDeadline(time.Time) error       { return nil }
func (s serverConn) SetReadDeadline(time.Time) error { return s.inbox.Close() }
func (serverConn) SetWriteDeadline(time.Time) error  { return nil }

// clientConn is a client's connected socket.
type clientConn struct {
	serverConn
	addr *net.UDPAddr
}

func (c clientConn) Read(b []byte) (int, error) {
	n, _, err := c.read(b)
	return n, err
}

func (c clientConn) Write(b []byte) (int, error) {
	c.link.mu.Lock()
	from, changed := c.outside[c.addr.String()]
	c.link.mu.Unlock()
	if !changed {
		from = c.addr
	}
	if from != nil {
		c.carry(c.link.server, b, from)
	}
	return len(b), nil
}

// rebind gives a client another address outside, as a NAT does; nil is none.
func (l *link) rebind(client net.Addr, outside *net.UDPAddr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := client.String()
	if known := l.outside[before]; known != nil {
		before = known.String()
	}
	in := l.clients[before]
	delete(l.clients, before)
	l.outside[client.String()] = outside
	if outside != nil {
		l.clients[outside.String()] = in
	}
}

func (c clientConn) LocalAddr() net.Addr  { return c.addr }
func (c clientConn) RemoteAddr() net.Addr { return c.serverConn.LocalAddr() }

func (l *link) dial(context.Context, string, string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	addr := &net.UDPAddr{IP: firstClient.IP, Port: firstClient.Port + l.dialed}
	l.dialed++
	in := newInbox()
	l.clients[addr.String()] = in
	return clientConn{serverConn{l, in}, addr}, nil
}

// inBubble runs test against a server on fake time.
func inBubble(t *testing.T, c *udpq.Config, test func(*testing.T, *link, *udpq.Server)) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLink(), udpq.NewServer(c)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, serverConn{l, l.server}) }()
		test(t, l, s)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
}

func (l *link) connect(t *testing.T, c udpq.ClientConfig) *udpq.Client {
	t.Helper()
	c.Dial = l.dial
	client, err := udpq.Dial(t.Context(), "server", &c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// kindOf returns the kind of the first frame in a datagram.
func kindOf(b []byte) framing.Kind {
	f, _, _ := framing.Parse(b, len(b))
	return f.Kind
}
