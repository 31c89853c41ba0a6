package dissect

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// Options of an IPv4 header (RFC 791, section 3.1, and IANA's "IP Option
// Numbers").
const (
	ipv4EndOfList     = 0
	ipv4NoOperation   = 1
	ipv4RecordRoute   = 7
	ipv4Timestamp     = 68
	ipv4Security      = 130 // RFC 1108
	ipv4LooseRoute    = 131
	ipv4StreamID      = 136
	ipv4StrictRoute   = 137
	ipv4RouterAlert   = 148 // RFC 2113
	ipv4MinimalOption = 2   // type and length
)

// ipv4Options names the options that stand at [at, end) of the packet.
func (d *dissection) ipv4Options(at, end int) []Field {
	var fields []Field
	for at < end {
		b := d.data[at:end]
		switch {
		case b[0] == ipv4EndOfList:
			return append(fields, Field{"end of options", fmt.Sprintf("%d bytes, filling the header up to four-byte words", len(b)), at, end})
		case b[0] == ipv4NoOperation:
			fields = append(fields, Field{"no operation", "1 byte, so that what follows is aligned", at, at + 1})
			at++
			continue
		case len(b) < ipv4MinimalOption || int(b[1]) < ipv4MinimalOption || int(b[1]) > len(b):
			return append(fields, Field{"options", fmt.Sprintf("%d bytes that contradict themselves", len(b)), at, end})
		}
		name, value := ipv4Option(b[:b[1]])
		fields = append(fields, Field{name, value, at, at + int(b[1])})
		at += int(b[1])
	}
	return fields
}

// ipv4Option names one option, type and length included, and says what it is
// for.
func ipv4Option(b []byte) (name, value string) {
	switch b[0] {
	case ipv4RecordRoute:
		return "record route", "every router writes its address here; so far " + ipv4Route(b)
	case ipv4LooseRoute:
		return "loose route", "the sender demands to pass these routers, others may be between them: " + ipv4Route(b)
	case ipv4StrictRoute:
		return "strict route", "the sender demands these routers and no other: " + ipv4Route(b)
	case ipv4Timestamp:
		return "timestamps", ipv4Timestamps(b)
	case ipv4RouterAlert:
		return "router alert", "every router on the way shall look into this packet, even if it is for somebody else"
	case ipv4StreamID:
		return "stream", fmt.Sprintf("%x, of a network that is no more", b[2:])
	case ipv4Security:
		return "security", fmt.Sprintf("%x, how secret the packet is", b[2:])
	}
	return "option", fmt.Sprintf("%d, %d bytes, not read here", b[0], len(b))
}

// ipv4Route writes the addresses of a route and where its pointer stands.
func ipv4Route(b []byte) string {
	if len(b) < 3 {
		return "nothing: it is cut short"
	}
	var done, rest []string
	for i := 3; i+4 <= len(b); i += 4 {
		a := netip.AddrFrom4([4]byte(b[i:])).String()
		if i+1 < int(b[2]) { // the pointer counts from 1
			done = append(done, a)
		} else {
			rest = append(rest, a)
		}
	}
	if len(done) == 0 {
		done = []string{"none"}
	}
	if b[0] == ipv4RecordRoute {
		return fmt.Sprintf("%s; room for %d more", strings.Join(done, ", "), len(rest))
	}
	if len(rest) == 0 {
		rest = []string{"none"}
	}
	return fmt.Sprintf("passed %s, to come %s", strings.Join(done, ", "), strings.Join(rest, ", "))
}

// ipv4Timestamps writes the milliseconds since midnight UTC that routers have
// noted.
func ipv4Timestamps(b []byte) string {
	if len(b) < 4 {
		return "cut short"
	}
	step, what := 4, "every router writes when the packet came by, in milliseconds since midnight UTC"
	if b[3]&0xf != 0 { // 1: each with its address; 3: only routers whose address the sender has written
		step, what = 8, what+", and its address"
	}
	var stamps []string
	room := 0
	for i := 4; i+step <= len(b); i += step {
		stamp := fmt.Sprint(binary.BigEndian.Uint32(b[i+step-4:]))
		if step == 8 {
			stamp = netip.AddrFrom4([4]byte(b[i:])).String() + " at " + stamp
		}
		if i+1 < int(b[2]) {
			stamps = append(stamps, stamp)
		} else {
			room++
		}
	}
	if len(stamps) == 0 {
		stamps = []string{"none"}
	}
	return fmt.Sprintf("%s; so far %s; room for %d more; %d routers found none", what, strings.Join(stamps, ", "), room, b[3]>>4)
}
