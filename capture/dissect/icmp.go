package dissect

import (
	"encoding/binary"
	"fmt"

	"github.com/google/gopacket/layers"
)

// icmp reads an ICMP message (RFC 792).
func (d *dissection) icmp(at int) {
	var m layers.ICMPv4
	if err := d.decode(&m, at); err != nil {
		d.undecoded(osiNetwork, at, err)
		return
	}
	checksum := ChecksumUnchecked
	if !d.cut && !d.fragment {
		checksum = ChecksumBad
		if fold(onesSum(0, d.rest(at))) == wholeSum {
			checksum = ChecksumGood
		}
	}
	kind := m.TypeCode.Type()
	about := 0 // where an error quotes the packet that caused it
	meaning := "The network reports on itself."
	switch kind {
	case layers.ICMPv4TypeEchoRequest:
		meaning = "A ping: asks the other host to send the same bytes back."
	case layers.ICMPv4TypeEchoReply:
		meaning = "The answer to a ping."
	case layers.ICMPv4TypeDestinationUnreachable:
		about = at + 8
		meaning = "Refused: the quoted packet could not be delivered."
		if m.TypeCode.Code() == layers.ICMPv4CodePort {
			meaning = "No socket is open on the quoted packet's port: that datagram is lost, and this is how its sender learns."
		}
		if m.TypeCode.Code() == layers.ICMPv4CodeFragmentationNeeded {
			meaning = "The quoted packet is too large for a link and may not be fragmented."
		}
	case layers.ICMPv4TypeTimeExceeded:
		about = at + 8
		meaning = "The quoted packet was thrown away: too many hops, or a fragment of it never came."
	}
	d.icmpLayer("ICMP", at, m.TypeCode.String(), m.Checksum, checksum, about, meaning)
}

// icmpv6 reads an ICMPv6 message (RFC 4443), with the neighbour discovery
// that takes the place of ARP (RFC 4861).
func (d *dissection) icmpv6(at int) {
	var m layers.ICMPv6
	if err := d.decode(&m, at); err != nil {
		d.undecoded(osiNetwork, at, err)
		return
	}
	checksum := ChecksumUnchecked
	if !d.cut && !d.fragment {
		checksum = transportChecksum(d.src, d.dst, layers.IPProtocolICMPv6, d.rest(at))
	}
	about := 0
	meaning := "The network reports on itself."
	switch m.TypeCode.Type() {
	case layers.ICMPv6TypeDestinationUnreachable, layers.ICMPv6TypePacketTooBig, layers.ICMPv6TypeTimeExceeded, layers.ICMPv6TypeParameterProblem:
		about = at + 8
		meaning = "Refused: the quoted packet could not be delivered."
	case layers.ICMPv6TypeEchoRequest:
		meaning = "A ping: asks the other host to send the same bytes back."
	case layers.ICMPv6TypeEchoReply:
		meaning = "The answer to a ping."
	case layers.ICMPv6TypeNeighborSolicitation:
		meaning = "Asks which hardware address a neighbour has, as ARP does for IPv4."
	case layers.ICMPv6TypeNeighborAdvertisement:
		meaning = "Tells neighbours a hardware address, as ARP does for IPv4."
	case layers.ICMPv6TypeRouterSolicitation:
		meaning = "Asks for routers on this link."
	case layers.ICMPv6TypeRouterAdvertisement:
		meaning = "A router tells the link that it is there, and which addresses to use."
	}
	d.icmpLayer("ICMPv6", at, m.TypeCode.String(), m.Checksum, checksum, about, meaning)
}

func (d *dissection) icmpLayer(name string, at int, kind string, sum uint16, checksum Checksum, about int, meaning string) {
	l := Layer{
		Name: name, OSI: osiNetwork, From: at, To: d.end,
		Fields: []Field{
			{"type, code", kind, at, at + 2},
			{"checksum", fmt.Sprintf("%#04x, %v", sum, checksum), at + 2, at + 4},
		},
		Meaning: meaning,
	}
	if about > 0 && about < d.end {
		l.Fields = append(l.Fields, Field{"about", quoted(d.rest(about)), about, d.end})
	} else if d.end-at >= 8 {
		b := d.rest(at)
		l.Fields = append(l.Fields, Field{"identifier, number", fmt.Sprintf("%d, %d", binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])), at + 4, at + 8})
	}
	d.header(l)
}

// quoted names the packet whose beginning an ICMP error brings back.
func quoted(b []byte) string {
	h, _ := NewParser(LinkRaw).Parse(b)
	if !h.Src.IsValid() {
		return fmt.Sprintf("%d bytes of the packet that caused it", len(b))
	}
	return fmt.Sprintf("%v %v > %v", h.Protocol, h.Src, h.Dst)
}
