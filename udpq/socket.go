package udpq

import (
	"net"
	"net/netip"
)

// datagram is one datagram received. Its bytes are valid until the next receive.
type datagram struct {
	b    []byte
	from netip.AddrPort
	addr net.Addr // the same for a socket of another network stack, nil otherwise
}

// socket receives and sends datagrams. All system calls of the server are here.
type socket struct {
	conn  net.PacketConn
	udp   *net.UDPConn // conn, if it is the machine's own: it can do without allocating
	buf   []byte
	batch [1]datagram
}

func newSocket(conn net.PacketConn) *socket {
	udp, _ := conn.(*net.UDPConn)
	return &socket{conn: conn, udp: udp, buf: make([]byte, MaxDatagram+1)}
}

// receive waits for datagrams and returns those that are here.
func (s *socket) receive() ([]datagram, error) {
	d := &s.batch[0]
	if s.udp != nil {
		n, from, err := s.udp.ReadFromUDPAddrPort(s.buf)
		*d = datagram{b: s.buf[:n], from: from}
		return s.batch[:], err
	}
	n, addr, err := s.conn.ReadFrom(s.buf)
	if err != nil {
		return nil, err
	}
	*d = datagram{b: s.buf[:n], from: addrPort(addr), addr: addr}
	return s.batch[:], nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	p, _ := netip.ParseAddrPort(a.String()) // the zero address has no session
	return p
}

// send sends one datagram to where d came from. It is safe for concurrent use.
func (s *socket) send(b []byte, to *datagram) error {
	var err error
	if s.udp != nil {
		_, err = s.udp.WriteToUDPAddrPort(b, to.from)
	} else {
		_, err = s.conn.WriteTo(b, to.addr)
	}
	return err
}
