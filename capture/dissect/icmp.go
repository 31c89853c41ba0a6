package dissect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/gopacket/layers"
)

const icmpHeaderBytes = 8 // type, code, checksum, and four bytes that each type uses as it likes

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
	l := d.icmpLayer("ICMP", at, m.TypeCode.String(), m.Checksum, checksum)
	d.icmpBody(&l, m.TypeCode, at)
	d.header(l)
}

// icmpBody fills in what a type of message has behind its checksum.
func (d *dissection) icmpBody(l *Layer, code layers.ICMPv4TypeCode, at int) {
	b := d.rest(at)
	word := binary.BigEndian.Uint32(b[4:]) // gopacket has seen to the 8 bytes
	switch code.Type() {
	case layers.ICMPv4TypeEchoRequest:
		d.echo(l, at, "A ping: asks the other host to send the same bytes back.")
	case layers.ICMPv4TypeEchoReply:
		d.echo(l, at, "The answer to a ping.")
	case layers.ICMPv4TypeDestinationUnreachable:
		if code.Code() == layers.ICMPv4CodeFragmentationNeeded { // RFC 1191, section 4
			l.Fields = append(l.Fields, Field{"largest packet", fmt.Sprintf("%d bytes on that link", uint16(word)), at + 6, at + 8})
		}
		l.Meaning = unreachableMeaning(code.Code())
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv4TypeTimeExceeded:
		l.Meaning = "The quoted packet was thrown away: it had passed as many routers as it may. So it circles, or somebody runs traceroute."
		if code.Code() == layers.ICMPv4CodeFragmentReassemblyTimeExceeded {
			l.Meaning = "The quoted datagram was thrown away: one of its fragments never came."
		}
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv4TypeRedirect:
		l.Fields = append(l.Fields, Field{"better router", netip.AddrFrom4([4]byte(b[4:])).String(), at + 4, at + 8})
		l.Meaning = "A router forwarded the quoted packet, and knows another router on this link that is nearer to its destination."
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv4TypeParameterProblem:
		l.Fields = append(l.Fields, Field{"fault", fmt.Sprintf("at byte %d of the quoted packet", b[4]), at + 4, at + 5})
		l.Meaning = "The quoted packet was thrown away: a field of its header makes no sense."
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv4TypeSourceQuench:
		l.Meaning = "Asks the sender of the quoted packet to slow down; nobody sends this any more (RFC 6633)."
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv4TypeTimestampRequest, layers.ICMPv4TypeTimestampReply:
		d.icmpClock(l, at)
	default:
		l.Meaning = "The network reports on itself."
	}
}

// unreachableMeaning says why a destination could not be reached (RFC 792,
// RFC 1812, section 5.2.7.1).
func unreachableMeaning(code uint8) string {
	switch code {
	case layers.ICMPv4CodePort:
		return "No socket is open on the quoted packet's port: that datagram is lost, and this is how its sender learns."
	case layers.ICMPv4CodeFragmentationNeeded:
		return "The quoted packet is too large for a link and may not be fragmented: it is lost, and the sender learns how large the next may be."
	case layers.ICMPv4CodeHost:
		return "Nobody answers for the quoted packet's address on the last link: it is lost."
	case layers.ICMPv4CodeNet:
		return "A router knows no way to the quoted packet's network: it is lost."
	case layers.ICMPv4CodeProtocol:
		return "The host has no such protocol above IP: the quoted packet is lost."
	case layers.ICMPv4CodeNetAdminProhibited, layers.ICMPv4CodeHostAdminProhibited, layers.ICMPv4CodeCommAdminProhibited:
		return "A firewall forbids the quoted packet: it is lost, and its sender is told so."
	}
	return "Refused: the quoted packet could not be delivered."
}

// echo reads what a ping and its answer have in common, in both versions
// (RFC 792; RFC 4443, section 4.1).
func (d *dissection) echo(l *Layer, at int, meaning string) {
	l.Meaning = meaning
	b := d.rest(at)
	if len(b) < icmpHeaderBytes {
		return
	}
	l.Fields = append(l.Fields,
		Field{"identifier", fmt.Sprint(binary.BigEndian.Uint16(b[4:])), at + 4, at + 6},
		Field{"number", fmt.Sprint(binary.BigEndian.Uint16(b[6:])), at + 6, at + 8})
	if len(b) > icmpHeaderBytes {
		l.Fields = append(l.Fields, Field{"bytes", preview(b[icmpHeaderBytes:]), at + icmpHeaderBytes, d.end})
	}
}

// icmpClock reads the three clocks of a timestamp message, in milliseconds
// since midnight UTC.
func (d *dissection) icmpClock(l *Layer, at int) {
	d.echo(l, at, "Asks what time it is there, or answers that.")
	l.Fields = l.Fields[:min(len(l.Fields), 4)]
	b := d.rest(at)
	for i, name := range []string{"sent", "received", "sent back"} {
		from := icmpHeaderBytes + 4*i
		if len(b) < from+4 {
			break
		}
		ms := binary.BigEndian.Uint32(b[from:])
		l.Fields = append(l.Fields, Field{name, (time.Duration(ms) * time.Millisecond).String() + " past midnight UTC", at + from, at + from + 4})
	}
}

// icmpv6 reads an ICMPv6 message (RFC 4443), with the neighbour discovery
// that takes the place of ARP (RFC 4861) and the groups of RFC 2710.
func (d *dissection) icmpv6(at int) {
	b := d.rest(at)
	if len(b) < 4 {
		d.undecoded(osiNetwork, at, errors.New("the ICMPv6 header is cut short"))
		return
	}
	checksum := ChecksumUnchecked
	if !d.cut && !d.fragment {
		checksum = transportChecksum(d.src, d.dst, layers.IPProtocolICMPv6, b)
	}
	code := layers.CreateICMPv6TypeCode(b[0], b[1])
	kind := code.String()
	if name := mldNames[b[0]]; name != "" {
		kind = name
	}
	l := d.icmpLayer("ICMPv6", at, kind, binary.BigEndian.Uint16(b[2:]), checksum)
	if len(b) < icmpHeaderBytes {
		l.Meaning = "The network reports on itself; the message is cut short."
	} else {
		d.icmpv6Body(&l, code, at)
	}
	d.header(l)
}

func (d *dissection) icmpv6Body(l *Layer, code layers.ICMPv6TypeCode, at int) {
	word := binary.BigEndian.Uint32(d.rest(at)[4:])
	switch kind := code.Type(); kind {
	case layers.ICMPv6TypeDestinationUnreachable:
		l.Meaning = "Refused: the quoted packet could not be delivered."
		if code.Code() == layers.ICMPv6CodePortUnreachable {
			l.Meaning = unreachableMeaning(layers.ICMPv4CodePort)
		}
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv6TypePacketTooBig:
		l.Fields = append(l.Fields, Field{"largest packet", fmt.Sprintf("%d bytes on that link", word), at + 4, at + 8})
		l.Meaning = "The quoted packet is too large for a link: it is lost, and the sender learns how large the next may be; no router of IPv6 fragments."
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv6TypeTimeExceeded:
		l.Meaning = "The quoted packet was thrown away: too many hops, or a fragment of it never came."
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv6TypeParameterProblem:
		l.Fields = append(l.Fields, Field{"fault", fmt.Sprintf("at byte %d of the quoted packet", word), at + 4, at + 8})
		l.Meaning = "The quoted packet was thrown away: a field of its headers makes no sense."
		d.quote(l, at+icmpHeaderBytes)
	case layers.ICMPv6TypeEchoRequest:
		d.echo(l, at, "A ping: asks the other host to send the same bytes back.")
	case layers.ICMPv6TypeEchoReply:
		d.echo(l, at, "The answer to a ping.")
	default:
		if !d.discovery(l, kind, at) && !d.listeners(l, kind, at) {
			l.Meaning = "The network reports on itself."
		}
	}
}

// icmpLayer begins the layer of a message; it ends where the packet does.
func (d *dissection) icmpLayer(name string, at int, kind string, sum uint16, checksum Checksum) Layer {
	return Layer{
		Name: name, OSI: osiNetwork, From: at, To: d.end,
		Fields: []Field{
			{"type, code", kind, at, at + 2},
			{"checksum", fmt.Sprintf("%#04x, %v", sum, checksum), at + 2, at + 4},
		},
	}
}
