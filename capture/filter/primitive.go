package filter

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/bpf"
)

// qualifier is what stands before an address, port or number: "udp dst port".
// In "port 53 or 54" the second one is carried over from the first.
type qualifier struct {
	defined   bool
	protocol  string // "", "tcp", …
	direction string // "", "src", "dst", "src and dst"
	kind      string // "", "host", "net", "port", "portrange", "proto"
}

// directed combines the tests of the source and the target field.
func (q qualifier) directed(source, target node) node {
	switch q.direction {
	case "src":
		return source
	case "dst":
		return target
	case "src and dst":
		return and{source, target}
	}
	return or{source, target}
}

// address tests for an IPv4 or IPv6 address or network.
func (l link) address(q qualifier, prefix netip.Prefix) (node, error) {
	if q.protocol == "" {
		return l.anyAddress(q, prefix), nil
	}
	if prefix.Addr().Is6() {
		if q.protocol == "ip6" {
			return l.address6(q, prefix), nil
		}
		return nil, fmt.Errorf("%q cannot stand before an IPv6 address", q.protocol)
	}
	switch q.protocol {
	case "ip":
		return l.address4(q, prefix, etherIP, ipSource, ipTarget), nil
	case "arp":
		return l.address4(q, prefix, etherARP, arpSource, arpTarget), nil
	case "rarp":
		return l.address4(q, prefix, etherRARP, arpSource, arpTarget), nil
	}
	return nil, fmt.Errorf("%q cannot stand before an IPv4 address", q.protocol)
}

func (l link) anyAddress(q qualifier, prefix netip.Prefix) node {
	if prefix.Addr().Is6() {
		return l.address6(q, prefix)
	}
	return anyOf(
		l.address4(q, prefix, etherIP, ipSource, ipTarget),
		l.address4(q, prefix, etherARP, arpSource, arpTarget),
		l.address4(q, prefix, etherRARP, arpSource, arpTarget))
}

func (l link) address4(q qualifier, prefix netip.Prefix, etherType, source, target uint32) node {
	b := prefix.Addr().As4()
	return and{l.carries(etherType), q.directed(l.prefixAt(source, b[:], prefix.Bits()), l.prefixAt(target, b[:], prefix.Bits()))}
}

func (l link) address6(q qualifier, prefix netip.Prefix) node {
	b := prefix.Addr().As16()
	return and{l.carries(etherIPv6), q.directed(l.prefixAt(ip6Source, b[:], prefix.Bits()), l.prefixAt(ip6Target, b[:], prefix.Bits()))}
}

// prefixAt compares the first bits of an address, a word at a time. Words
// that do not count are still read, as tcpdump -O does: a packet cut inside
// the address is refused.
func (l link) prefixAt(offset uint32, address []byte, bits int) node {
	var words []node
	for i := 0; i < len(address); i += 4 {
		f := l.at(offset+uint32(i), 4, bpf.JumpEqual, binary.BigEndian.Uint32(address[i:]))
		f.clear = ^uint32(0) >> min(max(bits-8*i, 0), 32)
		words = append(words, f)
	}
	return allOf(words...)
}

// ports tests for a port or a range of them. IPv6 headers between the fixed
// one and the transport's are not looked behind.
func (l link) ports(q qualifier, low, high uint32) (node, error) {
	protocols := []uint32{protoTCP, protoUDP, protoSCTP}
	if q.protocol != "" {
		p, ok := transports[q.protocol]
		if !ok {
			return nil, fmt.Errorf("%q cannot stand before %q: only tcp, udp and sctp have ports", q.protocol, q.kind)
		}
		protocols = []uint32{p}
	}
	carried := func(at uint32) node {
		var nodes []node
		for _, p := range protocols {
			nodes = append(nodes, l.at(at, 1, bpf.JumpEqual, p))
		}
		return anyOf(nodes...)
	}
	port := func(f field) node {
		f.size, f.test, f.operand = 2, bpf.JumpEqual, low
		if low == high {
			return f
		}
		above := f
		above.test, above.operand = bpf.JumpGreaterThan, high
		f.test = bpf.JumpGreaterOrEqual
		return and{f, not{above}}
	}
	return or{
		allOf(l.carries(etherIPv6), carried(ip6Next),
			q.directed(port(field{offset: l.network + ip6Header}), port(field{offset: l.network + ip6Header + 2}))),
		allOf(l.carries(etherIP), carried(ipProtocol), l.firstFragment(),
			q.directed(port(field{transport: true, network: l.network}), port(field{transport: true, network: l.network, offset: 2}))),
	}, nil
}

// protocolNumber tests for "proto N".
func (l link) protocolNumber(q qualifier, n uint32) (node, error) {
	if q.direction != "" {
		return nil, fmt.Errorf("%q cannot stand before \"proto\"", q.direction)
	}
	if q.protocol == "ether" {
		if n < etherTypeMin || n > 0xffff {
			return nil, fmt.Errorf("%d is not supported as an EtherType, only %d to 65535", n, etherTypeMin)
		}
		return l.carries(n), nil
	}
	if n > 0xff {
		return nil, fmt.Errorf("%d is no protocol number, which end at 255", n)
	}
	switch q.protocol {
	case "":
		return l.eitherIP(n), nil
	case "ip":
		return l.ip4(n), nil
	case "ip6":
		return l.ip6(n), nil
	}
	return nil, fmt.Errorf("%q cannot stand before \"proto\"", q.protocol)
}

// hardware tests for an Ethernet address.
func (l link) hardware(q qualifier, address net.HardwareAddr) (node, error) {
	if q.protocol != "ether" || q.kind != "" && q.kind != "host" {
		return nil, fmt.Errorf("an Ethernet address needs \"ether host\", \"ether src\" or \"ether dst\" before it")
	}
	if !l.ethernet {
		return nil, fmt.Errorf("these packets have no Ethernet addresses")
	}
	equal := func(offset uint32) node {
		return and{
			field{offset: offset + 2, size: 4, test: bpf.JumpEqual, operand: binary.BigEndian.Uint32(address[2:])},
			field{offset: offset, size: 2, test: bpf.JumpEqual, operand: uint32(binary.BigEndian.Uint16(address))},
		}
	}
	return q.directed(equal(6), equal(0)), nil
}

// cast tests for "broadcast" and "multicast" of a protocol.
func (l link) cast(protocol, word string) (node, error) {
	link := protocol == "" || protocol == "ether"
	switch {
	case link && !l.ethernet:
		return nil, fmt.Errorf("these packets have no Ethernet addresses")
	case link && word == "broadcast":
		return l.hardware(qualifier{protocol: "ether", direction: "dst"}, net.HardwareAddr{255, 255, 255, 255, 255, 255})
	case link:
		return field{size: 1, test: bpf.JumpBitsSet, operand: 1}, nil
	case word == "multicast" && protocol == "ip": // 224.0.0.0 and up (RFC 1112), as tcpdump has it
		return and{l.carries(etherIP), l.at(ipTarget, 1, bpf.JumpGreaterOrEqual, 224)}, nil
	case word == "multicast" && protocol == "ip6": // ff00::/8 (RFC 4291 section 2.7)
		return and{l.carries(etherIPv6), l.at(ip6Target, 1, bpf.JumpEqual, 255)}, nil
	}
	return nil, fmt.Errorf("\"%s %s\" is not supported", protocol, word)
}
