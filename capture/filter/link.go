package filter

import "golang.org/x/net/bpf"

// link says where things are in packets of one link type.
type link struct {
	network  uint32 // offset of the network header
	typeAt   uint32 // offset of the EtherType
	raw      bool   // there is no EtherType: the packet starts with the IP version
	ethernet bool   // there are Ethernet addresses, destination first

	packetType field // tests that the packet went out; its size is 0 if the header does not tell
}

// Link types (https://www.tcpdump.org/linktypes.html).
const (
	linkEthernet = 1
	linkRawBSD   = 12
	linkRaw      = 101
	linkCooked   = 113 // what tcpdump -i any gives on Linux, first
	linkCooked2  = 276 // and second version
)

var links = map[uint16]link{
	linkEthernet: {network: 14, typeAt: 12, ethernet: true},
	linkRaw:      {raw: true},
	linkRawBSD:   {raw: true},
	linkCooked:   {network: 16, typeAt: 14, packetType: field{offset: 0, size: 2, test: bpf.JumpEqual, operand: packetOutgoing}},
	linkCooked2:  {network: 20, typeAt: 0, packetType: field{offset: 10, size: 1, test: bpf.JumpEqual, operand: packetOutgoing}},
}

// EtherTypes (IEEE 802 numbers).
const (
	etherIP   = 0x0800
	etherARP  = 0x0806
	etherRARP = 0x8035
	etherIPv6 = 0x86dd
)

// etherTypeMin is the least EtherType; smaller numbers are lengths (IEEE 802.3).
const etherTypeMin = 1536

// carries tests for a network protocol.
func (l link) carries(etherType uint32) node {
	if !l.raw {
		return field{offset: l.typeAt, size: 2, test: bpf.JumpEqual, operand: etherType}
	}
	version := field{size: 1, clear: 0x0f, test: bpf.JumpEqual}
	switch etherType {
	case etherIP:
		version.operand = 0x40
	case etherIPv6:
		version.operand = 0x60
	default:
		return never
	}
	return version
}

// at tests bytes of the network header.
func (l link) at(offset uint32, size int, test bpf.JumpTest, operand uint32) field {
	return field{offset: l.network + offset, size: size, test: test, operand: operand}
}

// Offsets in the IPv4 header (RFC 791 section 3.1) and the IPv6 header (RFC 8200 section 3).
const (
	ipFragment   = 6
	ipProtocol   = 9
	ipSource     = 12
	ipTarget     = 16
	ipOffsetMask = 0x1fff
	ip6Next      = 6
	ip6Source    = 8
	ip6Target    = 24
	ip6Header    = 40
	arpSource    = 14 // sender's IPv4 address (RFC 826)
	arpTarget    = 24
)

// Protocol numbers (IANA).
const (
	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoUDP      = 17
	protoFragment = 44
	protoICMPv6   = 58
	protoSCTP     = 132
)

// ip4 tests for IPv4 with this protocol, any fragment of it.
func (l link) ip4(protocol uint32) node {
	return and{l.carries(etherIP), l.at(ipProtocol, 1, bpf.JumpEqual, protocol)}
}

// ip6 tests for IPv6 with this protocol, at once or behind a fragment header.
func (l link) ip6(protocol uint32) node {
	behind := and{l.at(ip6Next, 1, bpf.JumpEqual, protoFragment), l.at(ip6Header, 1, bpf.JumpEqual, protocol)}
	return and{l.carries(etherIPv6), or{l.at(ip6Next, 1, bpf.JumpEqual, protocol), behind}}
}

func (l link) eitherIP(protocol uint32) node { return or{l.ip4(protocol), l.ip6(protocol)} }

// firstFragment tests that an IPv4 packet starts with its transport header.
func (l link) firstFragment() node {
	return not{l.at(ipFragment, 2, bpf.JumpBitsSet, ipOffsetMask)}
}

// abbreviation is what a protocol's name alone stands for.
func (l link) abbreviation(name string) node {
	switch name {
	case "ip":
		return l.carries(etherIP)
	case "ip6":
		return l.carries(etherIPv6)
	case "arp":
		return l.carries(etherARP)
	case "rarp":
		return l.carries(etherRARP)
	case "icmp6":
		return l.ip6(protoICMPv6)
	case "icmp":
		return l.ip4(protoICMP)
	case "igmp":
		return l.ip4(protoIGMP)
	}
	return l.eitherIP(transports[name])
}

// transports are the protocols that have ports.
var transports = map[string]uint32{"tcp": protoTCP, "udp": protoUDP, "sctp": protoSCTP}

// protocols are the names that may stand before a qualifier or alone.
var protocols = map[string]bool{
	"ether": true, "ip": true, "ip6": true, "arp": true, "rarp": true,
	"icmp": true, "icmp6": true, "igmp": true, "tcp": true, "udp": true, "sctp": true,
}
