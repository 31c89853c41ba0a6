package udpq

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// DefaultHops is how far multicast goes unless told otherwise: not beyond the
// local network (RFC 1112 section 6.1, a time to live of 1).
const DefaultHops = 1

// Group is a multicast group, the port that its events are sent to, and the
// interface they leave by and come in at.
type Group struct {
	Addr      netip.AddrPort
	Interface string // name or index, empty: the system's choice
}

// ParseGroup reads "239.1.2.3:9701%eth0", "[ff02::77]:9701%eth0" or
// "[ff02::77%eth0]:9701"; the interface may be left out for IPv4.
func ParseGroup(s string) (Group, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Group{}, fmt.Errorf("%q is no group: want address:port%%interface, such as 239.255.0.1:9701%%eth0", s)
	}
	port, name, _ := strings.Cut(port, "%")
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return Group{}, fmt.Errorf("%q is no group: %q is no address", s, host)
	}
	if name == "" {
		name = ip.Zone()
	}
	ip = ip.Unmap().WithZone("")
	number, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || number == 0:
		return Group{}, fmt.Errorf("%q is no group: port %q, want 1 to 65535", s, port)
	case !ip.IsMulticast():
		return Group{}, fmt.Errorf("%q is no group: %v is no multicast address; for your own use there are 239.0.0.0/8 (RFC 2365) and ff02::/16 (RFC 4291)", s, ip)
	case name == "" && ip.Is6() && (ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast()):
		return Group{}, fmt.Errorf("%q: %v is on every link; say on which with %%interface", s, ip)
	}
	return Group{netip.AddrPortFrom(ip, uint16(number)), name}, nil
}

// String is what ParseGroup reads.
func (g Group) String() string {
	if g.Interface == "" {
		return g.Addr.String()
	}
	return g.Addr.String() + "%" + g.Interface
}

// network names the family of the group for package net.
func (g Group) network() string {
	if g.Addr.Addr().Is4() {
		return "udp4"
	}
	return "udp6"
}

// lookUp returns the group's interface, nil for the system's choice.
func (g Group) lookUp() (*net.Interface, error) {
	if g.Interface == "" {
		return nil, nil
	}
	if index, err := strconv.Atoi(g.Interface); err == nil {
		return net.InterfaceByIndex(index)
	}
	i, err := net.InterfaceByName(g.Interface)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", g.Interface, err)
	}
	return i, nil
}

// IsLoopback reports whether the group's events stay on this machine because
// they leave by its loopback interface.
func (g Group) IsLoopback() (bool, error) {
	i, err := g.lookUp()
	return err == nil && i != nil && i.Flags&net.FlagLoopback != 0, err
}

// destination is the group as the address of a datagram.
func (g Group) destination(i *net.Interface) *net.UDPAddr {
	to := net.UDPAddrFromAddrPort(g.Addr)
	if g.Addr.Addr().Is6() && i != nil {
		to.Zone = strconv.Itoa(i.Index)
	}
	return to
}

// Open opens a socket that events are sent to the group with, over so many
// hops; this machine's listeners get them too.
func (g Group) Open(hops int) (*net.UDPConn, error) {
	i, err := g.lookUp()
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP(g.network(), nil)
	if err != nil {
		return nil, err
	}
	if g.Addr.Addr().Is4() {
		p := ipv4.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastTTL(hops), p.SetMulticastLoopback(true))
		if i != nil && err == nil {
			err = p.SetMulticastInterface(i)
		}
	} else {
		p := ipv6.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastHopLimit(hops), p.SetMulticastLoopback(true))
		if i != nil && err == nil {
			err = p.SetMulticastInterface(i)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("multicast to %s: %w", g, err), conn.Close())
	}
	return conn, nil
}

// join opens a socket that gets what is sent to the group. Several of one
// machine may. Received datagrams tell where they were sent to, where the
// system can say so.
func (g Group) join() (*groupConn, error) {
	i, err := g.lookUp()
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenMulticastUDP(g.network(), i, net.UDPAddrFromAddrPort(g.Addr))
	if err != nil {
		return nil, fmt.Errorf("joining %s: %w", g, err)
	}
	c := &groupConn{UDPConn: conn, group: g.Addr.Addr()}
	if g.Addr.Addr().Is4() {
		c.v4 = ipv4.NewPacketConn(conn)
		c.v4.SetControlMessage(ipv4.FlagDst, true) // refused (Windows): then all that comes to the port counts
	} else {
		c.v6 = ipv6.NewPacketConn(conn)
		c.v6.SetControlMessage(ipv6.FlagDst, true)
	}
	return c, nil
}

// groupConn is a socket that has joined a group.
type groupConn struct {
	*net.UDPConn
	group netip.Addr
	v4    *ipv4.PacketConn
	v6    *ipv6.PacketConn
}

// receive returns the size of the next datagram that was sent to the group.
// What others on this machine have joined comes to the same port.
func (c *groupConn) receive(b []byte) (int, error) {
	for {
		n, to, err := c.read(b)
		if err != nil {
			return 0, err
		}
		if to == nil {
			return n, nil
		}
		if ip, ok := netip.AddrFromSlice(to); ok && ip.Unmap() == c.group {
			return n, nil
		}
	}
}

func (c *groupConn) read(b []byte) (n int, to net.IP, err error) {
	if c.v4 != nil {
		n, cm, _, err := c.v4.ReadFrom(b)
		if err != nil || cm == nil {
			return n, nil, err
		}
		return n, cm.Dst, nil
	}
	n, cm, _, err := c.v6.ReadFrom(b)
	if err != nil || cm == nil {
		return n, nil, err
	}
	return n, cm.Dst, nil
}
