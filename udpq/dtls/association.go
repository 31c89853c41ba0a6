package dtls

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/transport/v5/deadline"
)

// recordsAhead is how many records of an association may wait to be
// deciphered: as many as a burst of a paced sender, and not a memory's worth.
const recordsAhead = 256

// association is what the server has with one address. To the library it is a
// socket of its own.
type association struct {
	socket *Socket
	from   netip.AddrPort
	addr   net.Addr
	conn   *pion.Conn

	id     connectionID
	places []netip.AddrPort // that it has been at, the last one last; guarded by socket.mu

	writing sync.Mutex
	to      atomic.Pointer[net.Addr] // where what is written goes

	records chan datagram
	reading *deadline.Deadline
	life    context.Context
	cancel  context.CancelFunc
	over    chan struct{} // closed when run has ended

	shown  atomic.Bool // it has shown its cookie
	heard  atomic.Bool // it has carried something since sweep looked
	silent int         // times in a row that sweep heard nothing
}

func (s *Socket) associate(from netip.AddrPort, addr net.Addr) (*association, error) {
	a := &association{
		socket: s, from: from, addr: addr,
		places: []netip.AddrPort{from}, id: drawID(),
		records: make(chan datagram, recordsAhead), reading: deadline.New(), over: make(chan struct{}),
	}
	a.to.Store(&addr)
	options := append(s.config.options(), pion.WithConnectionIDGenerator(func() []byte { return a.id[:] }), pion.WithServerHelloMessageHook(func(m handshake.MessageServerHello) handshake.Message {
		a.shown.Store(true)
		return &m
	}))
	conn, err := pion.ServerWithOptions(a, addr, options...)
	if err != nil {
		return nil, err
	}
	a.conn = conn
	a.life, a.cancel = context.WithCancel(s.life)
	return a, nil
}

// run shakes hands, and hands on what comes until the association is over.
func (a *association) run() {
	defer close(a.over)
	defer a.socket.remove(a)
	defer a.cancel()
	defer a.conn.Close()
	if err := a.shake(); err != nil {
		a.socket.handshakesFailed.Add(1)
		a.socket.config.Logger.Debug("DTLS handshake", "peer", a.from, "err", err)
		return
	}
	stop := context.AfterFunc(a.life, func() { a.conn.Close() })
	defer stop()
	if a.socket.establish(a) {
		a.read()
	}
}

func (a *association) shake() error {
	ctx, cancel := context.WithTimeout(a.life, a.socket.config.HandshakeTimeout)
	defer cancel()
	return a.conn.HandshakeContext(ctx)
}

func (a *association) read() {
	b := make([]byte, MaxDatagram+Overhead)
	for {
		n, err := a.conn.Read(b)
		if err != nil {
			return
		}
		a.heard.Store(true)
		select {
		case a.socket.readable <- datagram{slices.Clone(b[:n]), a.follow()}:
		case <-a.life.Done():
			return
		}
	}
}

// put takes a datagram for the library. What comes faster than it is
// deciphered is lost, as in a receive buffer that is full.
func (a *association) put(b []byte, from net.Addr) {
	select {
	case a.records <- datagram{b, from}:
	default:
		a.socket.dropped.Add(1)
	}
}

// ReadFrom is for the library.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case r := <-a.records:
		return copy(b, r.b), r.from, nil
	case <-a.reading.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo is for the library.
func (a *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	return a.socket.under.WriteTo(b, *a.to.Load())
}

// Close is for the library; the socket is that of all.
func (a *association) Close() error {
	a.reading.Set(time.Unix(1, 0))
	return nil
}

func (a *association) LocalAddr() net.Addr { return a.socket.under.LocalAddr() }

func (a *association) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }

func (a *association) SetReadDeadline(t time.Time) error {
	a.reading.Set(t)
	return nil
}

func (a *association) SetWriteDeadline(time.Time) error { return nil }
