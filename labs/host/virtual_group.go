package host

import (
	"fmt"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// JoinGroup opens a UDP socket on the host that gets what is sent to a
// multicast group on its link. Several sockets may have joined one.
func (h *VirtualHost) JoinGroup(group netip.AddrPort) (net.PacketConn, error) {
	return h.openGroup(group, "join", func(s *vsocket) tcpip.Error {
		s.ep.SocketOptions().SetReuseAddress(true)
		if err := s.ep.Bind(tcpip.FullAddress{Port: group.Port()}); err != nil {
			return err
		}
		return s.ep.SetSockOpt(&tcpip.AddMembershipOption{NIC: nic, MulticastAddr: tcpip.AddrFromSlice(group.Addr().AsSlice())})
	})
}

// OpenGroup opens a UDP socket on the host whose datagrams to a multicast
// group leave by its link, and go no further than that (RFC 1112, section
// 6.1).
func (h *VirtualHost) OpenGroup(group netip.AddrPort) (net.PacketConn, error) {
	return h.openGroup(group, "multicast", func(s *vsocket) tcpip.Error {
		s.ep.SocketOptions().SetMulticastLoop(false)
		if err := s.ep.Bind(tcpip.FullAddress{}); err != nil {
			return err
		}
		if group.Addr().Is6() {
			return s.ep.SetSockOptInt(tcpip.IPv6MulticastInterfaceOption, int(nic))
		}
		return s.ep.SetSockOpt(&tcpip.MulticastInterfaceOption{NIC: nic})
	})
}

func (h *VirtualHost) openGroup(group netip.AddrPort, operation string, prepare func(*vsocket) tcpip.Error) (net.PacketConn, error) {
	t := target{network: "udp", protocol: protocolOf(group.Addr()), text: operation + " " + group.String()}
	s, err := h.open(&t, prepare)
	if err != nil {
		return nil, fmt.Errorf("host %s: %s %v: %w", h.Name, operation, group, err)
	}
	return &vpacketConn{s}, nil
}
