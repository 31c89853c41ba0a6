package host

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// backlog is how many connections may wait to be accepted, as Linux has it
// (net.core.somaxconn).
const backlog = 4096

// vconn is a connected socket: a TCP connection, or UDP with one peer.
type vconn struct{ *vsocket }

func (c *vconn) Read(b []byte) (int, error) {
	if len(b) == 0 && c.network == "tcp" {
		return 0, nil
	}
	return c.read(b, nil)
}

func (c *vconn) Write(b []byte) (int, error) {
	if len(b) == 0 && c.network == "tcp" {
		return 0, nil
	}
	return c.write(b, nil)
}

// CloseWrite ends this direction of a TCP connection.
func (c *vconn) CloseWrite() error {
	err := c.perform(&request{kind: kindWrite}, func() (bool, error) { return true, errno(c.ep.Shutdown(tcpip.ShutdownWrite)) })
	return c.opError("close", err)
}

// SetNoDelay says whether small writes leave at once, as they do unless it
// says otherwise, or wait for an acknowledgement (Nagle's algorithm).
func (c *vconn) SetNoDelay(noDelay bool) error {
	return c.host.time.doFor(c.id, func() { c.ep.SocketOptions().SetDelayOption(!noDelay) })
}

// vpacketConn is a UDP socket without a peer.
type vpacketConn struct{ *vsocket }

func (c *vpacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	var from tcpip.FullAddress
	n, err := c.read(b, &from)
	if err != nil {
		return 0, nil, err
	}
	return n, c.address(from), nil
}

func (c *vpacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.opError("write", &net.AddrError{Err: "not a UDP address", Addr: fmt.Sprint(to)})
	}
	a := fullAddress(u.AddrPort())
	return c.write(b, &a)
}

// vlistener accepts TCP connections.
type vlistener struct{ *vsocket }

// Addr returns where the listener listens.
func (l *vlistener) Addr() net.Addr { return l.local }

func (l *vlistener) Accept() (net.Conn, error) {
	var accepted *vsocket
	err := l.perform(&request{kind: kindRead}, func() (bool, error) {
		ep, wq, err := l.ep.Accept(nil)
		if wouldBlock(err) {
			return false, nil
		}
		if err == nil {
			accepted = l.host.newSocket(l.network, ep, wq)
			accepted.name()
		}
		return true, errno(err)
	})
	if err != nil {
		return nil, l.opError("accept", err)
	}
	return &vconn{accepted}, nil
}

// name notes the socket's addresses. It is called on the loop.
func (s *vsocket) name() {
	if a, err := s.ep.GetLocalAddress(); err == nil {
		s.local = s.address(a)
	}
	if a, err := s.ep.GetRemoteAddress(); err == nil {
		s.remote = s.address(a)
	}
}

func (s *vsocket) address(a tcpip.FullAddress) net.Addr {
	ip, _ := netip.AddrFromSlice(a.Addr.AsSlice())
	if !ip.IsValid() {
		ip = netip.IPv4Unspecified()
	}
	p := netip.AddrPortFrom(ip, a.Port)
	if s.network == "udp" {
		return net.UDPAddrFromAddrPort(p)
	}
	return net.TCPAddrFromAddrPort(p)
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	f := tcpip.FullAddress{Port: a.Port()}
	if ip := a.Addr().Unmap(); !ip.IsUnspecified() {
		f.Addr = tcpip.AddrFromSlice(ip.AsSlice())
	}
	return f
}

// target is where a socket is to be bound or connected.
type target struct {
	network  string // "tcp" or "udp"
	protocol tcpip.NetworkProtocolNumber
	address  tcpip.FullAddress
	addr     net.Addr
	text     string
}

// resolve reads an address; as with kernel hosts it must be numeric.
func resolve(network, address string) (target, error) {
	t := target{network: network, protocol: ipv4.ProtocolNumber, text: network + " " + address}
	if n := len(network); n == 4 {
		t.network = network[:3]
	}
	if t.network != "tcp" && t.network != "udp" {
		return t, net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return t, err
	}
	ip := netip.IPv4Unspecified()
	if host != "" {
		if ip, err = netip.ParseAddr(host); err != nil {
			return t, &net.AddrError{Err: "a virtual host looks up no names", Addr: address}
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return t, &net.AddrError{Err: "invalid port", Addr: address}
	}
	if ip.Is6() && !ip.Is4In6() {
		t.protocol = ipv6.ProtocolNumber
	}
	p := netip.AddrPortFrom(ip.Unmap(), uint16(number))
	t.address = fullAddress(p)
	if t.addr = net.Addr(net.TCPAddrFromAddrPort(p)); t.network == "udp" {
		t.addr = net.UDPAddrFromAddrPort(p)
	}
	return t, nil
}

// open makes a socket and prepares it on the loop.
func (h *VirtualHost) open(t *target, prepare func(*vsocket) tcpip.Error) (*vsocket, error) {
	var s *vsocket
	var fault tcpip.Error
	err := h.time.ask(&request{host: h.number, remote: t.text, try: func() bool {
		transport := tcp.ProtocolNumber
		if t.network == "udp" {
			transport = udp.ProtocolNumber
		}
		wq := new(waiter.Queue)
		ep, err := h.stack.NewEndpoint(transport, t.protocol, wq)
		if fault = err; err != nil {
			return true
		}
		s = h.newSocket(t.network, ep, wq)
		if fault = prepare(s); fault != nil {
			ep.Close()
			delete(h.time.open, s.id)
			return true
		}
		s.name()
		return true
	}})
	if err != nil {
		return nil, err
	}
	return s, errno(fault)
}

// Listen opens a TCP listener on the host.
func (h *VirtualHost) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return h.ListenAs(ctx, network, address, Listening{Reuse: true}) // as package net does
}

// ListenPacket opens a UDP socket on the host.
func (h *VirtualHost) ListenPacket(_ context.Context, network, address string) (net.PacketConn, error) {
	t, err := resolve(network, address)
	var s *vsocket
	if err == nil {
		s, err = h.open(&t, func(s *vsocket) tcpip.Error { return s.ep.Bind(t.address) })
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: t.addr, Err: err}
	}
	return &vpacketConn{s}, nil
}

// Dial connects from the host to a numeric address.
func (h *VirtualHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (h *VirtualHost) dial(ctx context.Context, network, address string) (*vconn, error) {
	t, err := resolve(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	started := false
	s, err := h.open(&t, func(s *vsocket) tcpip.Error {
		err := s.ep.Connect(t.address)
		if _, started = err.(*tcpip.ErrConnectStarted); started {
			return nil
		}
		return err
	})
	if err == nil && started {
		err = s.connected(ctx)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: t.addr, Err: err}
	}
	return &vconn{s}, nil
}

// connected waits until the handshake has succeeded or failed.
func (s *vsocket) connected(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	err := s.perform(&request{kind: kindWrite}, func() (bool, error) {
		if err := s.ep.LastError(); err != nil {
			return true, errno(err)
		}
		if s.ep.Readiness(waiter.WritableEvents) == 0 {
			return false, nil
		}
		s.name()
		return true, nil
	})
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		s.Close()
	}
	return err
}
