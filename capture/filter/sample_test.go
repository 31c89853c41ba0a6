package filter_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"slices"
	"sync"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var (
	mac1 = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	mac2 = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

func serialize(ls ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		panic(err)
	}
	return bytes.Clone(b.Bytes())
}

func ethernet(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: mac1, DstMAC: mac2, EthernetType: t}
}

func ip4(s, d string, p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, SrcIP: net.ParseIP(s), DstIP: net.ParseIP(d), Protocol: p}
}

func ip6(s, d string, p layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, SrcIP: net.ParseIP(s), DstIP: net.ParseIP(d), NextHeader: p}
}

func udpTo(n gopacket.NetworkLayer, s, d uint16) *layers.UDP {
	u := &layers.UDP{SrcPort: layers.UDPPort(s), DstPort: layers.UDPPort(d)}
	u.SetNetworkLayerForChecksum(n)
	return u
}

func tcpTo(n gopacket.NetworkLayer, s, d uint16, i int) *layers.TCP {
	t := &layers.TCP{SrcPort: layers.TCPPort(s), DstPort: layers.TCPPort(d), Seq: 1, Window: 1000,
		SYN: i%4 == 0, ACK: i%4 != 0, FIN: i%4 == 2, RST: i%8 == 3, PSH: i%4 == 1}
	t.SetNetworkLayerForChecksum(n)
	return t
}

var (
	ports  = []uint16{53, 80, 8999, 9000, 9005, 9010, 9011, 40000}
	hosts4 = []string{"127.0.0.1", "10.77.0.1", "10.77.0.2", "192.168.1.9", "224.0.0.251"}
	hosts6 = []string{"::1", "fd77::1", "fd77::2", "ff02::1"}
)

// sample is a capture with one of everything that a filter may ask for,
// every tenth packet cut in several places, and bytes that mean nothing.
var sample = sync.OnceValue(func() [][]byte {
	all := wholeSample()
	for i := 0; i < len(all); i += 10 {
		for _, size := range []int{1, 13, 14, 16, 18, 22, 23, 24, 30, 33, 35, 37, 41, 55} {
			if p := all[i]; size < len(p) {
				all = append(all, p[:size:size])
			}
		}
	}
	all = append(all, []byte{})
	random := rand.New(rand.NewPCG(7, 0))
	for range 20 {
		noise := make([]byte, random.IntN(80))
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		all = append(all, noise)
	}
	return all
})

// wholeSample is the part of the sample in which every packet is whole.
func wholeSample() [][]byte {
	var all [][]byte
	for i, s := range hosts4 {
		all = append(all, other4(s)...)
		for j, d := range hosts4 {
			all = append(all, transport4(s, d, ports[(i*3+j)%len(ports)], ports[(i+j*5)%len(ports)], i*5+j)...)
		}
	}
	for i, s := range hosts6 {
		for j, d := range hosts6 {
			all = append(all, transport6(s, d, ports[(i*3+j)%len(ports)], ports[(i+j*5)%len(ports)], i*4+j)...)
		}
	}
	return append(all, tagged(all)...)
}

// tagged gives some of the packets with one or more VLAN tags of every kind.
func tagged(untagged [][]byte) (all [][]byte) {
	stacks := []string{
		"\x81\x00\x00\x64", "\x81\x00\xe0\x64", "\x81\x00\x00\xc8", "\x88\xa8\x00\xc8", "\x91\x00\x00\x00",
		"\x88\xa8\x00\xc8\x81\x00\x00\x64", "\x81\x00\x00\x64\x81\x00\x00\xc8", "\x81\x00\x0f\xff\x81\x00\x00\x64\x81\x00\x00\x07",
	}
	for i := 0; i < len(untagged); i += 3 {
		p, tags := untagged[i], stacks[i/3%len(stacks)]
		all = append(all, slices.Concat(p[:12], []byte(tags), p[12:]))
	}
	return all
}

// transport4 gives TCP, UDP and SCTP over IPv4, with options, first and
// later fragments, and a VLAN tag.
func transport4(s, d string, sp, dp uint16, i int) [][]byte {
	u, t := ip4(s, d, layers.IPProtocolUDP), ip4(s, d, layers.IPProtocolTCP)
	e := ethernet(layers.EthernetTypeIPv4)
	payload := gopacket.Payload(bytes.Repeat([]byte{byte(i)}, 4+i*10))
	optioned := ip4(s, d, layers.IPProtocolUDP)
	optioned.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}, {OptionType: 0, OptionLength: 1}}
	first, later := *u, *u
	first.Flags, later.FragOffset = layers.IPv4MoreFragments, 185
	sctp := &layers.SCTP{SrcPort: layers.SCTPPort(sp), DstPort: layers.SCTPPort(dp)}
	return [][]byte{
		serialize(e, u, udpTo(u, sp, dp), payload),
		serialize(e, t, tcpTo(t, sp, dp, i), payload),
		serialize(e, optioned, udpTo(optioned, sp, dp), payload),
		serialize(e, &first, udpTo(&first, sp, dp), payload),
		serialize(e, &later, gopacket.Payload(bytes.Repeat([]byte{0x23, 0x28}, 30))),
		serialize(e, ip4(s, d, layers.IPProtocolSCTP), sctp, payload),
		serialize(ethernet(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 100, Type: layers.EthernetTypeIPv4}, u, udpTo(u, sp, dp), payload),
	}
}

// other4 gives ICMP, IGMP, GRE, ARP and RARP.
func other4(s string) [][]byte {
	e := ethernet(layers.EthernetTypeIPv4)
	arp := &layers.ARP{AddrType: 1, Protocol: 0x0800, HwAddressSize: 6, ProtAddressSize: 4, Operation: 1,
		SourceHwAddress: mac1, SourceProtAddress: net.ParseIP(s).To4(), DstHwAddress: make([]byte, 6), DstProtAddress: net.IP{10, 77, 0, 2}}
	toAll := func(t layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: mac2, DstMAC: layers.EthernetBroadcast, EthernetType: t}
	}
	echo, unreachable := layers.CreateICMPv4TypeCode(8, 0), layers.CreateICMPv4TypeCode(3, 3)
	return [][]byte{
		serialize(e, ip4(s, "10.77.0.2", layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: echo, Id: 1, Seq: 1}, gopacket.Payload("ping")),
		serialize(e, ip4("10.77.0.2", s, layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: unreachable}, gopacket.Payload("unreachable")),
		serialize(e, ip4(s, "224.0.0.1", layers.IPProtocolIGMP), gopacket.Payload("\x11\x00\x00\x00\x00\x00\x00\x00")),
		serialize(e, ip4(s, "10.77.0.1", layers.IPProtocolGRE), gopacket.Payload("\x00\x00\x08\x00")),
		serialize(toAll(layers.EthernetTypeARP), arp),
		serialize(toAll(0x8035), arp),
		serialize(ethernet(layers.EthernetTypeLLC), gopacket.Payload("\x42\x42\x03spanning tree")),
	}
}

// transport6 gives TCP, UDP and ICMPv6 over IPv6, also behind extension headers.
func transport6(s, d string, sp, dp uint16, i int) [][]byte {
	e := ethernet(layers.EthernetTypeIPv6)
	u, t, c := ip6(s, d, layers.IPProtocolUDP), ip6(s, d, layers.IPProtocolTCP), ip6(s, d, layers.IPProtocolICMPv6)
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(128+i%2), 0)}
	icmp.SetNetworkLayerForChecksum(c)
	payload := gopacket.Payload(bytes.Repeat([]byte{byte(i)}, 4+i*7))
	datagram := string([]byte{byte(sp >> 8), byte(sp), byte(dp >> 8), byte(dp), 0, 12, 0, 0, 1, 2, 3, 4})
	return [][]byte{
		serialize(e, u, udpTo(u, sp, dp), payload),
		serialize(e, t, tcpTo(t, sp, dp, i), payload),
		serialize(e, c, icmp, gopacket.Payload("1234echo")),
		serialize(e, ip6(s, d, layers.IPProtocolIPv6Fragment), gopacket.Payload("\x11\x00\x00\x01\x00\x00\x00\x07"+datagram)),
		serialize(e, ip6(s, d, layers.IPProtocolIPv6Fragment), gopacket.Payload("\x06\x00\x05\xa8\x00\x00\x00\x07"+datagram)),
		serialize(e, ip6(s, d, layers.IPProtocolIPv6HopByHop), gopacket.Payload("\x11\x00\x01\x04\x00\x00\x00\x00"+datagram)),
	}
}
