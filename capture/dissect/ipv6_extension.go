package dissect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/gopacket/layers"
)

// extension reads an extension header that counts its length in 8-byte units
// (RFC 8200, sections 4.3, 4.4 and 4.6).
func (d *dissection) extension(p layers.IPProtocol, at int) {
	if d.tooDeep(at) {
		return
	}
	var x extension
	if err := d.decode(&x, at); err != nil {
		d.undecoded(osiNetwork, at, err)
		return
	}
	end := at + len(x.contents)
	l := Layer{
		OSI: osiNetwork, From: at, To: end,
		Fields: []Field{
			{"next header", protocolName(x.next), at, at + 1},
			{"length", fmt.Sprintf("%d bytes", end-at), at + 1, at + 2},
		},
	}
	switch p {
	case layers.IPProtocolIPv6HopByHop:
		l.Name = "IPv6 hop-by-hop options"
		l.Meaning = "Options for every router on the way; IPv6 keeps them out of its fixed header, so that most packets need none."
		l.Fields = append(l.Fields, d.ipv6Options(at+2, end)...)
	case layers.IPProtocolIPv6Destination:
		l.Name = "IPv6 destination options"
		l.Meaning = "Options that only the destination reads; routers pass them by."
		l.Fields = append(l.Fields, d.ipv6Options(at+2, end)...)
	default:
		l.Name = "IPv6 routing header"
		l.Meaning = "The sender names hosts that the packet shall visit on its way; the address in the IPv6 header is only the next of them."
		l.Fields = append(l.Fields, d.ipv6Route(at, end)...)
	}
	d.header(l)
	d.ipv6Next(x.next, end)
}

// Options of IPv6 (IANA's "Destination Options and Hop-by-Hop Options").
const (
	ipv6Pad1        = 0x00
	ipv6PadN        = 0x01
	ipv6TunnelLimit = 0x04 // RFC 2473, section 4.1.1
	ipv6RouterAlert = 0x05 // RFC 2711
	ipv6Jumbo       = 0xc2 // RFC 2675
	ipv6HomeAddress = 0xc9 // RFC 6275, section 6.3
)

// ipv6Options names the options that stand at [at, end) of the packet
// (RFC 8200, section 4.2).
func (d *dissection) ipv6Options(at, end int) []Field {
	var fields []Field
	for at < end {
		b := d.data[at:end]
		if b[0] == ipv6Pad1 {
			fields = append(fields, Field{"padding", "1 byte", at, at + 1})
			at++
			continue
		}
		if len(b) < 2 || int(b[1])+2 > len(b) {
			return append(fields, Field{"options", fmt.Sprintf("%d bytes that contradict themselves", len(b)), at, end})
		}
		size := int(b[1]) + 2
		name, value := ipv6Option(b[0], b[2:size])
		fields = append(fields, Field{name, value, at, at + size})
		at += size
	}
	return fields
}

func ipv6Option(kind byte, b []byte) (name, value string) {
	switch {
	case kind == ipv6PadN:
		return "padding", fmt.Sprintf("%d bytes, filling the header up to a multiple of eight", len(b)+2)
	case kind == ipv6RouterAlert && len(b) == 2:
		return "router alert", "every router shall look into this packet: " + routerAlert(binary.BigEndian.Uint16(b))
	case kind == ipv6Jumbo && len(b) == 4:
		return "jumbo payload", fmt.Sprintf("%d bytes, more than the IPv6 header can say", binary.BigEndian.Uint32(b))
	case kind == ipv6TunnelLimit && len(b) == 1:
		return "tunnel limit", fmt.Sprintf("at most %d more tunnels around this packet", b[0])
	case kind == ipv6HomeAddress && len(b) == 16:
		return "home address", fmt.Sprintf("%v, where this mobile host is at home", netip.AddrFrom16([16]byte(b)))
	}
	return "option", fmt.Sprintf("%#02x, %d bytes; whoever does not know it shall %s", kind, len(b), unknownOption[kind>>6])
}

// unknownOption is what the highest two bits of an option's type ask for.
var unknownOption = [...]string{
	"pass over it", "throw the packet away", "throw the packet away and tell the sender", "throw the packet away and tell the sender, unless it went to a group",
}

func routerAlert(value uint16) string {
	switch value {
	case 0:
		return "it is about multicast groups"
	case 1:
		return "it reserves bandwidth (RSVP)"
	}
	return fmt.Sprintf("reason %d", value)
}

// Types of routing headers (IANA's "IPv6 Routing Types").
const (
	routingSource  = 0 // forbidden since RFC 5095
	routingMobile  = 2 // RFC 6275, section 6.4
	routingSegment = 4 // RFC 8754
)

// ipv6Route names what a routing header asks for.
func (d *dissection) ipv6Route(at, end int) []Field {
	b := d.data[at:end] // 8 bytes or more, as extension has seen to
	kind, list := fmt.Sprint(b[2]), 8
	switch b[2] {
	case routingSource:
		kind = "0, source route; hosts refuse it (RFC 5095)"
	case routingMobile:
		kind = "2, to a mobile host"
	case routingSegment:
		kind = "4, segment routing"
	default:
		list = len(b)
	}
	fields := []Field{
		{"routing type", kind, at + 2, at + 3},
		{"segments left", fmt.Sprintf("%d hosts still to visit", b[3]), at + 3, at + 4},
	}
	addresses := (len(b) - list) / 16
	if b[2] == routingSegment {
		fields = append(fields,
			Field{"last entry", fmt.Sprintf("%d; the list begins with the last host", b[4]), at + 4, at + 5},
			Field{"flags, tag", fmt.Sprintf("%#02x, %d", b[5], binary.BigEndian.Uint16(b[6:])), at + 5, at + 8})
		addresses = min(addresses, int(b[4])+1)
	}
	for i := range addresses {
		a := at + list + 16*i
		fields = append(fields, Field{fmt.Sprintf("host %d", i), netip.AddrFrom16([16]byte(d.data[a:])).String(), a, a + 16})
	}
	if rest := at + list + 16*addresses; rest < end {
		fields = append(fields, Field{"more", fmt.Sprintf("% x", d.data[rest:min(rest+16, end)]), rest, end})
	}
	return fields
}

// authentication reads an authentication header (RFC 4302, section 2), which
// IPv4 may carry as well.
func (d *dissection) authentication(at int) {
	b := d.rest(at)
	const fixed = 12
	if len(b) < fixed || len(b) < (int(b[1])+2)*4 || (int(b[1])+2)*4 < fixed {
		d.undecoded(osiNetwork, at, errors.New("the authentication header is cut short"))
		return
	}
	end := at + (int(b[1])+2)*4
	next := layers.IPProtocol(b[0])
	d.header(Layer{
		Name: "IP authentication header", OSI: osiNetwork, From: at, To: end,
		Fields: []Field{
			{"next header", protocolName(next), at, at + 1},
			{"length", fmt.Sprintf("%d bytes", end-at), at + 1, at + 2},
			{"agreement", fmt.Sprintf("%#08x, which keys both sides use (SPI)", binary.BigEndian.Uint32(b[4:])), at + 4, at + 8},
			{"number", fmt.Sprint(binary.BigEndian.Uint32(b[8:])), at + 8, at + 12},
			{"proof", fmt.Sprintf("%x", d.data[at+fixed:end]), at + fixed, end},
		},
		Meaning: "Proves who sent the packet and that nobody changed it; it hides nothing.",
	})
	d.ipv6Next(next, end)
}

// encapsulated reads what encryption leaves readable (RFC 4303, section 2).
func (d *dissection) encapsulated(at int) {
	b := d.rest(at)
	const fixed = 8
	if len(b) < fixed {
		d.undecoded(osiNetwork, at, errors.New("the ESP header is cut short"))
		return
	}
	d.header(Layer{
		Name: "IP encryption (ESP)", OSI: osiNetwork, From: at, To: at + fixed,
		Fields: []Field{
			{"agreement", fmt.Sprintf("%#08x, which keys both sides use (SPI)", binary.BigEndian.Uint32(b)), at, at + 4},
			{"number", fmt.Sprint(binary.BigEndian.Uint32(b[4:])), at + 4, at + 8},
		},
		Meaning: "What follows is encrypted, the transport header with it: who speaks on which port cannot be seen from outside.",
	})
	d.undecoded(osiTransport, at+fixed, errors.New("they are encrypted"))
}

var mobilityNames = [...]string{
	"binding refresh request", "home test init", "care-of test init", "home test", "care-of test", "binding update", "binding acknowledgement", "binding error",
}

// mobility reads a mobility header (RFC 6275, section 6.1).
func (d *dissection) mobility(at int) {
	b := d.rest(at)
	if len(b) < 8 || len(b) < (int(b[1])+1)*8 {
		d.undecoded(osiNetwork, at, errors.New("the mobility header is cut short"))
		return
	}
	end := at + (int(b[1])+1)*8
	kind := fmt.Sprint(b[2])
	if int(b[2]) < len(mobilityNames) {
		kind += " (" + mobilityNames[b[2]] + ")"
	}
	d.header(Layer{
		Name: "IPv6 mobility header", OSI: osiNetwork, From: at, To: end,
		Fields: []Field{
			{"next header", protocolName(layers.IPProtocol(b[0])), at, at + 1},
			{"length", fmt.Sprintf("%d bytes", end-at), at + 1, at + 2},
			{"type", kind, at + 2, at + 3},
			{"checksum", fmt.Sprintf("%#04x", binary.BigEndian.Uint16(b[4:])), at + 4, at + 6},
		},
		Meaning: "A host that moved to another network tells those that speak with it where it is now.",
	})
}

// joinAddresses writes a list of addresses, the first few of it.
func joinAddresses(b []byte) string {
	const shown = 4
	var s []string
	for ; len(b) >= 16; b = b[16:] {
		if len(s) == shown {
			s = append(s, "…")
			break
		}
		s = append(s, netip.AddrFrom16([16]byte(b)).String())
	}
	return strings.Join(s, ", ")
}
