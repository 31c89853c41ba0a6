package dissect

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/gopacket/layers"
)

// discovery reads a message of neighbour discovery (RFC 4861, section 4).
func (d *dissection) discovery(l *Layer, kind uint8, at int) bool {
	b := d.rest(at)
	options := 0 // where they begin
	switch kind {
	case layers.ICMPv6TypeRouterSolicitation:
		options = 8
		l.Meaning = "Asks for routers on this link."
	case layers.ICMPv6TypeRouterAdvertisement:
		options = 16
		l.Meaning = "A router tells the link that it is there, and which addresses to use."
		if len(b) >= options {
			l.Fields = append(l.Fields,
				Field{"hop limit", fmt.Sprint(b[4]), at + 4, at + 5},
				Field{"flags", bitNames(b[5], "addresses by DHCP", "other settings by DHCP", "home agent"), at + 5, at + 6},
				Field{"lifetime", fmt.Sprintf("%d s as a router", binary.BigEndian.Uint16(b[6:])), at + 6, at + 8},
				Field{"reachable", fmt.Sprintf("for %d ms after an answer", binary.BigEndian.Uint32(b[8:])), at + 8, at + 12},
				Field{"ask again", fmt.Sprintf("after %d ms", binary.BigEndian.Uint32(b[12:])), at + 12, at + 16})
		}
	case layers.ICMPv6TypeNeighborSolicitation:
		options = 24
		l.Meaning = "Asks which hardware address a neighbour has, as ARP does for IPv4."
		if d.src.IsUnspecified() {
			l.Meaning = "Asks whether anybody has this address already, before taking it (RFC 4862)."
		}
		d.target(l, at)
	case layers.ICMPv6TypeNeighborAdvertisement:
		options = 24
		l.Meaning = "Tells neighbours a hardware address, as ARP does for IPv4."
		l.Fields = append(l.Fields, Field{"flags", bitNames(b[4], "from a router", "answers a question", "replaces what was known"), at + 4, at + 5})
		d.target(l, at)
	case layers.ICMPv6TypeRedirect:
		options = 40
		l.Meaning = "A router knows a nearer way to the destination: another host or router on this link."
		d.target(l, at)
		if len(b) >= options {
			l.Fields = append(l.Fields, Field{"destination", netip.AddrFrom16([16]byte(b[24:])).String(), at + 24, at + 40})
		}
	default:
		return false
	}
	d.discoveryOptions(l, at+options)
	return true
}

func (d *dissection) target(l *Layer, at int) {
	if b := d.rest(at); len(b) >= 24 {
		l.Fields = append(l.Fields, Field{"target", netip.AddrFrom16([16]byte(b[8:])).String(), at + 8, at + 24})
	}
}

// bitNames names the highest bits of a byte.
func bitNames(b byte, names ...string) string {
	var set []string
	for i, name := range names {
		if b&(0x80>>i) != 0 {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, ", ")
}

// discoveryOptions names the options, which count their length in 8 bytes
// (RFC 4861, section 4.6).
func (d *dissection) discoveryOptions(l *Layer, at int) {
	for at < d.end {
		b := d.rest(at)
		if len(b) < 8 || b[1] == 0 || int(b[1])*8 > len(b) {
			l.Fields = append(l.Fields, Field{"options", fmt.Sprintf("%d bytes that contradict themselves", len(b)), at, d.end})
			return
		}
		size := int(b[1]) * 8
		name, value := discoveryOption(b[:size])
		l.Fields = append(l.Fields, Field{name, value, at, at + size})
		at += size
	}
}

func discoveryOption(b []byte) (name, value string) {
	life := func(at int) string {
		s := binary.BigEndian.Uint32(b[at:])
		if s == 1<<32-1 {
			return "for ever"
		}
		return "for " + (time.Duration(s) * time.Second).String()
	}
	switch kind := b[0]; {
	case kind == 1:
		return "source hardware", macName(b[2:8])
	case kind == 2:
		return "target hardware", macName(b[2:8])
	case kind == 3 && len(b) == 32:
		p := netip.PrefixFrom(netip.AddrFrom16([16]byte(b[16:])), int(min(b[2], 128)))
		return "prefix", fmt.Sprintf("%v %s, %s", p, life(4), bitNames(b[3], "on this link", "for addresses of one's own"))
	case kind == 4:
		return "about", quoted(b[8:])
	case kind == 5:
		return "largest packet", fmt.Sprintf("%d bytes", binary.BigEndian.Uint32(b[4:]))
	case kind == 14:
		return "nonce", fmt.Sprintf("%x, so that an answer fits this question (RFC 3971)", b[2:])
	case kind == 24: // RFC 4191
		var prefix [16]byte
		copy(prefix[:], b[8:])
		return "route", fmt.Sprintf("%v %s", netip.PrefixFrom(netip.AddrFrom16(prefix), int(min(b[2], 128))), life(4))
	case kind == 25: // RFC 8106
		return "name servers", fmt.Sprintf("%s %s", joinAddresses(b[8:]), life(4))
	}
	return "option", fmt.Sprintf("%d, %d bytes, not read here", b[0], len(b))
}

// quoted names the packet whose beginning is brought back.
func quoted(b []byte) string {
	h, _ := NewParser(LinkRaw).Parse(b)
	if !h.Src.IsValid() {
		return fmt.Sprintf("%d bytes of the packet that caused it", len(b))
	}
	return fmt.Sprintf("%v %v > %v", h.Protocol, h.Src, h.Dst)
}
