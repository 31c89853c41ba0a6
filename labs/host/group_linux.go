package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// JoinGroup opens a UDP socket on the host that gets what is sent to a
// multicast group on its link. Several sockets may have joined one.
func (h *Host) JoinGroup(group netip.AddrPort) (net.PacketConn, error) {
	var c *net.UDPConn
	err := h.Do(func() error {
		link, err := net.InterfaceByName(Interface)
		if err != nil {
			return err
		}
		c, err = net.ListenMulticastUDP(familyOf(group.Addr()), link, net.UDPAddrFromAddrPort(group))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: joining %v: %w", h.Name, group, err)
	}
	return c, nil
}

// OpenGroup opens a UDP socket on the host whose datagrams to a multicast
// group leave by its link, and go no further than that (RFC 1112, section
// 6.1).
func (h *Host) OpenGroup(group netip.AddrPort) (net.PacketConn, error) {
	var c *net.UDPConn
	err := h.Do(func() error {
		link, err := net.InterfaceByName(Interface)
		if err != nil {
			return err
		}
		if c, err = net.ListenUDP(familyOf(group.Addr()), nil); err != nil {
			return err
		}
		if group.Addr().Is4() {
			p := ipv4.NewPacketConn(c)
			return errors.Join(p.SetMulticastInterface(link), p.SetMulticastTTL(1), p.SetMulticastLoopback(false))
		}
		p := ipv6.NewPacketConn(c)
		return errors.Join(p.SetMulticastInterface(link), p.SetMulticastHopLimit(1), p.SetMulticastLoopback(false))
	})
	if err != nil {
		if c != nil {
			c.Close()
		}
		return nil, fmt.Errorf("host %s: multicast to %v: %w", h.Name, group, err)
	}
	return c, nil
}

// familyOf names UDP over an address's version of IP.
func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "udp4"
	}
	return "udp6"
}
