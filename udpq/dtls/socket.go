package dtls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/transport/v5/deadline"

	"rawlab/framing"
	"rawlab/internal/sources"
)

const (
	maxReadErrors = 64 // in a row: then the socket is of no use any more
	readableAhead = 64 // datagrams deciphered and not yet read, so that associations need not take turns
)

// Stats is what a socket has done so far.
type Stats struct {
	Associations int    // now
	Handshakes   int    // under way now
	Established  uint64 // associations, since the start
	Moved        uint64 // times that one went on from another address
	Failed       uint64 // handshakes that were given up, or made room for others
	Refused      uint64 // handshakes that were not begun: there were too many associations
	Limited      uint64 // datagrams of handshakes passed over, since too many had come from their source
	Dropped      uint64 // datagrams that were no record of an association, or came faster than deciphered
}

// Socket is a server's socket behind which datagrams are encrypted. It is a
// [net.PacketConn]; WriteTo reaches only addresses that something has come from.
type Socket struct {
	under  net.PacketConn
	config Config

	readable  chan datagram
	reading   *deadline.Deadline
	life      context.Context // ends with Close
	end       context.CancelFunc
	failed    chan struct{} // closed when the kernel's socket cannot be read any more
	failure   error
	running   sync.WaitGroup
	closing   sync.Once
	closeErr  error
	sources   *sources.Rates // of pump
	lastWords time.Time      // of pump: when a client without DTLS was told so

	established, moved, handshakesFailed, refused, limited, dropped atomic.Uint64

	mu      sync.Mutex
	members map[*association]struct{}       // that have shaken hands
	stand   map[netip.AddrPort]*association // the same by each of their places
	named   map[connectionID]*association   // the same, and those shaking
	shaking map[netip.AddrPort]*association
	waiting []*association // those shaking, the oldest first
	closed  bool
}

type datagram struct {
	b    []byte
	from net.Addr
}

// Listen makes a socket of conn, which it closes in the end.
func Listen(conn net.PacketConn, config *Config) (*Socket, error) {
	if config.Certificate == nil && config.PSK == nil {
		return nil, errors.New("DTLS needs a certificate or a key")
	}
	s := &Socket{
		under: conn, config: config.orDefault(), readable: make(chan datagram, readableAhead), reading: deadline.New(), failed: make(chan struct{}),
		members: make(map[*association]struct{}), named: make(map[connectionID]*association),
		stand: make(map[netip.AddrPort]*association), shaking: make(map[netip.AddrPort]*association),
	}
	s.sources = sources.New(s.config.SourceRate)
	s.life, s.end = context.WithCancel(context.Background())
	s.running.Go(s.pump)
	s.running.Go(s.sweep)
	return s, nil
}

// Stats returns what the socket has done so far.
func (s *Socket) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Associations: len(s.members), Handshakes: len(s.shaking), Established: s.established.Load(), Moved: s.moved.Load(),
		Failed: s.handshakesFailed.Load(), Refused: s.refused.Load(), Limited: s.limited.Load(), Dropped: s.dropped.Load(),
	}
}

// pump hands records to the associations they are for.
func (s *Socket) pump() {
	defer close(s.failed)
	b := make([]byte, 64<<10)
	for failures := 0; ; {
		n, from, err := s.under.ReadFrom(b)
		switch {
		case err == nil:
			failures = 0
			s.route(slices.Clone(b[:n]), from)
		case errors.Is(err, net.ErrClosed) || failures == maxReadErrors:
			s.failure = err
			return
		default: // some systems report here that a client has gone
			failures++
			s.config.Logger.Debug("receiving", "err", err)
		}
	}
}

// route finds whom a datagram is for. While a client shakes hands anew, what is
// encrypted may be of either association; the other one drops it.
func (s *Socket) route(b []byte, addr net.Addr) {
	from := addrPort(addr)
	kind, epoch := identify(b)
	s.mu.Lock()
	stands, shakes := s.stand[from], s.shaking[from]
	switch {
	case kind == named:
		stands, shakes = s.named[idOf(b)], nil
	case kind == namedAlert && shakes != nil && shakes == s.named[idOf(b)]:
		b = unnamed(b)
	case kind == namedAlert:
		stands, shakes = nil, nil
	}
	s.mu.Unlock()
	switch {
	case kind == noRecord:
		s.dropped.Add(1)
		s.tell(b, addr)
	case epoch == 0 && !s.sources.Take(s.config.Clock.Now(), from.Addr()): // it costs no more than this
		s.limited.Add(1)
	case shakes != nil:
		shakes.put(b, addr)
		if stands != nil && epoch > 0 {
			stands.put(b, addr)
		}
	case kind == clientHello:
		s.begin(b, from, addr)
	case stands != nil:
		stands.put(b, addr)
	default:
		s.dropped.Add(1)
		if s.config.OnStranger != nil {
			s.config.OnStranger(b, addr)
		}
	}
}

// ReadFrom returns a datagram that has come, deciphered.
func (s *Socket) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-s.reading.Done():
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case d := <-s.readable:
		return copy(b, d.b), d.from, nil
	case <-s.reading.Done():
		return 0, nil, os.ErrDeadlineExceeded
	case <-s.life.Done():
		return 0, nil, net.ErrClosed
	case <-s.failed:
		return 0, nil, cmp.Or(s.failure, net.ErrClosed)
	}
}

// errStranger says that there is nobody to encrypt for.
var errStranger = errors.New("no DTLS association with this address")

// WriteTo sends a datagram, encrypted.
func (s *Socket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.mu.Lock()
	a := s.stand[addrPort(to)]
	s.mu.Unlock()
	switch {
	case a == nil:
		return 0, fmt.Errorf("%w: %v", errStranger, to)
	case len(b) > MaxDatagram:
		return 0, &framing.SizeError{Size: uint64(len(b)), Limit: MaxDatagram}
	}
	return a.write(b, to)
}

// Close ends all associations, closes the socket, and waits for goroutines.
func (s *Socket) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		every := slices.Clone(s.waiting)
		s.mu.Unlock()
		every = append(every, s.all()...)
		s.end()
		for _, a := range every {
			<-a.over // it has said goodbye
		}
		s.closeErr = s.under.Close()
		s.running.Wait()
	})
	return s.closeErr
}

// LocalAddr returns the socket's address.
func (s *Socket) LocalAddr() net.Addr { return s.under.LocalAddr() }

// SetDeadline sets both deadlines.
func (s *Socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline is when ReadFrom fails.
func (s *Socket) SetReadDeadline(t time.Time) error {
	s.reading.Set(t)
	return nil
}

// SetWriteDeadline is when the kernel's socket takes nothing more.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.under.SetWriteDeadline(t) }

// SetReadBuffer sets the size of the socket's receive buffer in bytes.
func (s *Socket) SetReadBuffer(bytes int) error { return setReadBuffer(s.under, bytes) }

// SyscallConn returns the kernel's socket.
func (s *Socket) SyscallConn() (syscall.RawConn, error) {
	if c, ok := s.under.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}

var _ net.PacketConn = (*Socket)(nil)
