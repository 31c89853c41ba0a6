package host

import (
	"cmp"
	"context"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// Sockets lists the host's TCP sockets that its stack knows a peer of, or that
// listen.
func (h *VirtualHost) Sockets() ([]Socket, error) {
	var list []Socket
	err := h.time.do(func() {
		for _, e := range h.stack.RegisteredEndpoints() {
			ep, ok := e.(*tcp.Endpoint)
			if !ok {
				continue
			}
			s := Socket{State: tcpState(uint8(ep.State()))}
			if a, err := ep.GetLocalAddress(); err == nil {
				s.Local = addrPort(a)
			}
			if a, err := ep.GetRemoteAddress(); err == nil {
				s.Remote = addrPort(a)
			}
			list = append(list, s)
		}
	})
	return sorted(list), err
}

func addrPort(a tcpip.FullAddress) netip.AddrPort {
	ip, ok := netip.AddrFromSlice(a.Addr.AsSlice())
	if !ok {
		ip = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(ip, a.Port)
}

// ListenAs is Listen with options.
func (h *VirtualHost) ListenAs(_ context.Context, network, address string, o Listening) (net.Listener, error) {
	t, err := resolve(network, address)
	var s *vsocket
	if err == nil {
		s, err = h.open(&t, func(s *vsocket) tcpip.Error {
			s.ep.SocketOptions().SetReuseAddress(o.Reuse)
			if err := s.ep.Bind(t.address); err != nil {
				return err
			}
			return s.ep.Listen(cmp.Or(o.Backlog, backlog))
		})
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: t.addr, Err: err}
	}
	return &vlistener{s}, nil
}
