package udpq

import (
	"net"
	"net/netip"
	"syscall"
)

// datagram is one datagram received. Its bytes are valid until the next receive.
type datagram struct {
	b    []byte
	from netip.AddrPort
	addr net.Addr // the same for a socket of another network stack, nil otherwise

	answered bool // its sender, who has no session
	shown    bool // its sender has shown a cookie
}

// Datagrams taken from the kernel in one call. A client keeps less memory for
// them, since there may be many.
const (
	serverBatch = 64
	clientBatch = 16
)

// single is a socket of any network stack: one datagram per call.
type single interface {
	receive(b []byte) (datagram, error)
	send(b []byte, to *datagram) error // safe for concurrent use
}

// socket receives and sends datagrams, many per system call where the kernel
// can. All system calls of server and client are here.
type socket struct {
	single
	close  func() error
	kernel *kernel // many per call; nil: cannot
	prober *prober // nil: it does not say whether it fragments
	buf    []byte  // of one by one, made when it is needed
	batch  [1]datagram
}

// newServerSocket returns the socket of a server.
func newServerSocket(conn net.PacketConn, offload bool) *socket {
	if udp, ok := conn.(udpConn); ok {
		s := &socket{single: ownLink{udp}, close: conn.Close, prober: newProber(udp)}
		s.kernel = newKernel(udp, serverBatch, false, offload).with(s.prober)
		return s
	}
	return &socket{single: otherLink{conn}, close: conn.Close}
}

// newClientSocket returns the socket of a client, which is connected.
func newClientSocket(conn net.Conn, offload bool) *socket {
	s := &socket{single: connectedLink{conn}, close: conn.Close}
	if udp, ok := conn.(udpConn); ok {
		s.prober = newProber(udp)
		s.kernel = newKernel(udp, clientBatch, true, offload).with(s.prober)
	}
	return s
}

// receive waits for datagrams and returns those that are here.
func (s *socket) receive() ([]datagram, error) {
	if s.kernel != nil {
		return s.kernel.receive()
	}
	if s.buf == nil {
		s.buf = make([]byte, MaxDatagram+1)
	}
	var err error
	s.batch[0], err = s.single.receive(s.buf)
	return s.batch[:], err
}

// send sends a datagram. It is safe for concurrent use.
func (s *socket) send(b []byte, to *datagram) error {
	err := s.single.send(b, to)
	if err != nil && s.prober != nil {
		err = s.prober.again(err, func() error { return s.single.send(b, to) })
	}
	return err
}

// probe sends a datagram that is not fragmented; errTooLong says that the
// kernel did not for its size.
func (s *socket) probe(b []byte, to *datagram) error {
	return s.prober.send(func() error { return s.single.send(b, to) })
}

// sendAll sends the datagrams that lie end to end in b, of those sizes, and
// says of each stretch of them, in order, whether the system took it. It is
// safe for concurrent use.
func (s *socket) sendAll(b []byte, sizes []int, to *datagram, sent func(datagrams []byte, err error)) {
	if s.kernel != nil && len(sizes) > 1 {
		done, count := s.kernel.send(b, sizes, to.from, sent)
		b, sizes = b[done:], sizes[count:]
	}
	for _, n := range sizes {
		sent(b[:n], s.send(b[:n], to))
		b = b[n:]
	}
}

// overflowed returns how often the kernel has said that a datagram found the
// receive buffer full.
func (s *socket) overflowed() uint64 {
	if s.kernel == nil {
		return 0
	}
	return s.kernel.overflowed()
}

// waited reports whether nothing was there when receive was called last.
func (s *socket) waited() bool { return s.kernel != nil && s.kernel.waited() }

// ownLink is a socket of the machine itself, which need not allocate.
type ownLink struct{ conn udpConn }

// udpConn is a socket of the machine itself.
type udpConn interface {
	syscall.Conn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

func (l ownLink) receive(b []byte) (datagram, error) {
	n, from, err := l.conn.ReadFromUDPAddrPort(b)
	return datagram{b: b[:n], from: from}, err
}

func (l ownLink) send(b []byte, to *datagram) error {
	_, err := l.conn.WriteToUDPAddrPort(b, to.from)
	return err
}

// otherLink is a socket of another network stack.
type otherLink struct{ conn net.PacketConn }

func (l otherLink) receive(b []byte) (datagram, error) {
	n, addr, err := l.conn.ReadFrom(b)
	if err != nil {
		return datagram{}, err
	}
	return datagram{b: b[:n], from: addrPort(addr), addr: addr}, nil
}

func (l otherLink) send(b []byte, to *datagram) error {
	_, err := l.conn.WriteTo(b, to.addr)
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	p, _ := netip.ParseAddrPort(a.String()) // the zero address has no session
	return p
}

// connectedLink is a socket that knows whom it speaks with.
type connectedLink struct{ conn net.Conn }

func (l connectedLink) receive(b []byte) (datagram, error) {
	n, err := l.conn.Read(b)
	return datagram{b: b[:n]}, err
}

func (l connectedLink) send(b []byte, _ *datagram) error {
	_, err := l.conn.Write(b)
	return err
}

// address is where a datagram came from, whatever network stack it came by.
func (d *datagram) address() net.Addr {
	if d.addr != nil {
		return d.addr
	}
	return net.UDPAddrFromAddrPort(d.from)
}
