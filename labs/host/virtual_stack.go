package host

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"rawlab/internal/clock"
)

const (
	nic        = tcpip.NICID(1)
	virtualMTU = 1500

	// Buffers as Linux has them by default, where the stack has a like:
	// net.core.rmem_default for UDP, the limits of net.ipv4.tcp_rmem and
	// tcp_wmem, and between them what TCP's windows grow to on the paths of
	// a lab. TCP's limit decides its window scale (RFC 7323, section 2), and
	// so the least window that a small buffer can offer.
	udpBuffer      = 212_992
	maxUDPBuffer   = 64 << 20
	tcpBuffer      = 1 << 20
	maxTCPReceive  = 6 << 20
	maxTCPSend     = 4 << 20
	unlimitedICMPs = 1 << 30
)

// VirtualCongestionControl is the congestion control of virtual hosts. The stack's
// cubic reckons in floating point, which rounds differently on some
// processors, and without RACK it recovers ten times more slowly.
const VirtualCongestionControl = "reno"

// newStack makes a host's network stack. Everything it draws comes from the seed.
func newStack(c *clock.Virtual, seed uint64, number uint8) (*stack.Stack, error) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	key[8] = number
	random := &seeded{source: randv2.NewChaCha8(key)}
	s := stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			arp.NewProtocol, ipv4.NewProtocol,
			// Nothing but the lab is on the wire: no duplicate address detection, no router solicitations (RFC 4861, RFC 4862).
			ipv6.NewProtocolWithOptions(ipv6.Options{}),
		},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		Clock:              stackClock{c},
		SecureRNG:          random,
		RandSource:         random,
	})
	sack, congestion := tcpip.TCPSACKEnabled(true), tcpip.CongestionControlOption(VirtualCongestionControl)
	recovery := tcpip.TCPRecovery(0) // without RACK, whose timers can leave a connection waiting for ever
	faults := []tcpip.Error{
		s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack),
		s.SetTransportProtocolOption(tcp.ProtocolNumber, &congestion),
		s.SetTransportProtocolOption(tcp.ProtocolNumber, &recovery),
		s.SetTransportProtocolOption(tcp.ProtocolNumber, &tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: tcpBuffer, Max: maxTCPReceive}),
		s.SetTransportProtocolOption(tcp.ProtocolNumber, &tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: tcpBuffer, Max: maxTCPSend}),
		s.SetOption(tcpip.ReceiveBufferSizeOption{Min: 4096, Default: udpBuffer, Max: maxUDPBuffer}),
		s.SetOption(tcpip.SendBufferSizeOption{Min: 4096, Default: udpBuffer, Max: maxUDPBuffer}),
	}
	s.SetICMPLimit(unlimitedICMPs) // every refusal is told, none held back
	s.SetICMPBurst(unlimitedICMPs)
	return s, firstFault(faults...)
}

func firstFault(faults ...tcpip.Error) error {
	for i, f := range faults {
		if f != nil {
			return fmt.Errorf("virtual host: step %d: %s", i+1, f)
		}
	}
	return nil
}

// attach gives the host its interface, its addresses and its routes.
func (h *VirtualHost) attach() error {
	h.hardware = tcpip.LinkAddress([]byte{2, 0, 0, 0, 0, h.number})
	h.cable = &cable{hardware: h.hardware}
	faults := []tcpip.Error{h.stack.CreateNIC(nic, ethernet.New(h.cable))}
	var routes []tcpip.Route
	for _, p := range []netip.Prefix{netip.PrefixFrom(h.IPv4, 24), netip.PrefixFrom(h.IPv6, 64)} {
		address := tcpip.ProtocolAddress{
			Protocol:          protocolOf(p.Addr()),
			AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFromSlice(p.Addr().AsSlice()), PrefixLen: p.Bits()},
		}
		faults = append(faults, h.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}))
		routes = append(routes, tcpip.Route{Destination: address.AddressWithPrefix.Subnet(), NIC: nic})
	}
	h.stack.SetRouteTable(routes)
	return firstFault(faults...)
}

// neighbour tells h the other's hardware address for good, as with kernel hosts.
func (h *VirtualHost) neighbour(other *VirtualHost) error {
	var faults []tcpip.Error
	for _, a := range []netip.Addr{other.IPv4, other.IPv6} {
		faults = append(faults, h.stack.AddStaticNeighbor(nic, protocolOf(a), tcpip.AddrFromSlice(a.AsSlice()), other.hardware))
	}
	return firstFault(faults...)
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is6() {
		return ipv6.ProtocolNumber
	}
	return ipv4.ProtocolNumber
}

// stackClock is the lab's time as the stack wants it.
type stackClock struct{ *clock.Virtual }

func (c stackClock) NowMonotonic() tcpip.MonotonicTime {
	var zero tcpip.MonotonicTime
	return zero.Add(c.Elapsed())
}

// AfterFunc runs f on the loop: the stack's own timers are quick.
func (c stackClock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	return stackTimer{c.Call(d, f)}
}

type stackTimer struct{ clock.Timer }

func (t stackTimer) Reset(d time.Duration) { t.Timer.Reset(d) }

// seeded is the stack's randomness. It is safe for concurrent use.
type seeded struct {
	mu             sync.Mutex
	source         *randv2.ChaCha8
	identification uint16
}

// Read draws. The stack draws two bytes for IP's identification and for
// nothing else; these count up instead, as Linux's do: of 65,535 datagrams
// no two have the same, of a few hundred random ones two already may, and
// their fragments would be mixed up (RFC 6864, section 5.2).
func (s *seeded) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) == 2 {
		s.identification++
		binary.NativeEndian.PutUint16(b, s.identification)
		return len(b), nil
	}
	return s.source.Read(b)
}

func (s *seeded) Int63() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.source.Uint64() >> 1)
}

// Seed does nothing: the seed is the lab's.
func (s *seeded) Seed(int64) {}

var _ rand.Source = (*seeded)(nil)

// cable is a host's end of the wire: frames leave by out and come by deliver.
type cable struct {
	hardware   tcpip.LinkAddress
	out        func(frame []byte) // set before the host is used
	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
	frame      []byte // scratch
	repeats    repeats
}

// deliver hands a frame to the host.
func (c *cable) deliver(frame []byte) {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
	defer p.DecRef()
	c.mu.RLock()
	d := c.dispatcher
	c.mu.RUnlock()
	if d != nil {
		d.DeliverNetworkPacket(0, p)
	}
}

// WritePackets puts packets on the wire, which copies them.
func (c *cable) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	packets := list.AsSlice()
	for _, p := range packets {
		c.frame = c.frame[:0]
		for _, part := range p.AsSlices() {
			c.frame = append(c.frame, part...)
		}
		c.repeats.see(p)
		c.out(c.frame)
	}
	return len(packets), nil
}

func (c *cable) Attach(d stack.NetworkDispatcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dispatcher = d
}

func (c *cable) IsAttached() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.dispatcher != nil
}

// What else the stack asks of a link has one answer.

func (c *cable) MTU() uint32                                { return virtualMTU + header.EthernetMinimumSize }
func (c *cable) LinkAddress() tcpip.LinkAddress             { return c.hardware }
func (*cable) SetMTU(uint32)                                {}
func (*cable) MaxHeaderLength() uint16                      { return 0 }
func (*cable) SetLinkAddress(tcpip.LinkAddress)             {}
func (*cable) Capabilities() stack.LinkEndpointCapabilities { return 0 }
func (*cable) Wait()                                        {}
func (*cable) ARPHardwareType() header.ARPHardwareType      { return header.ARPHardwareNone }
func (*cable) AddHeader(*stack.PacketBuffer)                {}
func (*cable) ParseHeader(*stack.PacketBuffer) bool         { return true }
func (*cable) Close()                                       {}
func (*cable) SetOnCloseAction(func())                      {}
