package dissect

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

const (
	dnsHeaderBytes = 12  // RFC 1035, section 4.1.1
	dnsMaxName     = 255 // RFC 1035, section 2.3.4
	dnsMaxShown    = 48  // records of one message that are shown
)

// Types of records (IANA's "Domain Name System Parameters").
const (
	dnsA     = 1
	dnsNS    = 2
	dnsCNAME = 5
	dnsSOA   = 6
	dnsPTR   = 12
	dnsMX    = 15
	dnsTXT   = 16
	dnsAAAA  = 28
	dnsSRV   = 33
	dnsOPT   = 41 // RFC 6891
)

var dnsTypes = map[uint16]string{
	dnsA: "A", dnsNS: "NS", dnsCNAME: "CNAME", dnsSOA: "SOA", dnsPTR: "PTR", dnsMX: "MX", dnsTXT: "TXT", dnsAAAA: "AAAA", dnsSRV: "SRV", dnsOPT: "OPT",
	35: "NAPTR", 39: "DNAME", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 255: "ANY", 257: "CAA",
}

func dnsType(t uint16) string {
	if s := dnsTypes[t]; s != "" {
		return s
	}
	return fmt.Sprintf("TYPE%d", t) // RFC 3597
}

// dnsMessage is a DNS message being read.
type dnsMessage struct {
	b      []byte
	at     int
	fields []Field
	asked  []string // questions, in words
	gave   []string // answers, in words
	shown  int
}

// readDNS reads a whole message (RFC 1035, section 4). It is false of bytes
// that are none.
func readDNS(b []byte) (sheets []sheet, name string, ok bool) {
	if len(b) < dnsHeaderBytes {
		return nil, "", false
	}
	flags := binary.BigEndian.Uint16(b[2:])
	opcode := flags >> 11 & 15
	var counts [4]int
	for i := range counts {
		counts[i] = int(binary.BigEndian.Uint16(b[4+2*i:]))
	}
	if opcode > 6 || opcode == 3 || flags&0x40 != 0 || counts[0] > 16 || counts[0]+counts[1]+counts[2]+counts[3] == 0 {
		return nil, "", false
	}
	m := &dnsMessage{b: b, at: dnsHeaderBytes}
	m.fields = []Field{
		{"identifier", fmt.Sprintf("%d", binary.BigEndian.Uint16(b)), 0, 2},
		{"flags", dnsFlags(flags), 2, 4},
		{"counts", fmt.Sprintf("%d questions, %d answers, %d authorities, %d additional", counts[0], counts[1], counts[2], counts[3]), 4, 12},
	}
	for range counts[0] {
		if !m.question() {
			return nil, "", false
		}
	}
	for i, section := range []string{"answer", "authority", "additional"} {
		for range counts[i+1] {
			if !m.record(section) {
				return nil, "", false
			}
		}
	}
	name = "DNS query"
	if flags&0x8000 != 0 {
		name = "DNS response"
	}
	if len(m.asked) > 0 {
		name += " " + m.asked[0]
	}
	l := Layer{Name: "DNS", OSI: osiApplication, To: len(b), Fields: m.fields, Meaning: m.meaning(flags)}
	return []sheet{{Layer: l, over: []span{{0, dnsHeaderBytes}}}}, name, true
}

var dnsCodes = [...]string{"no error", "format error", "server failure", "no such name", "not implemented", "refused"}

func dnsFlags(flags uint16) string {
	set := []string{"query"}
	if flags&0x8000 != 0 {
		set[0] = "response"
	}
	for _, f := range []struct {
		bit  uint16
		name string
	}{{0x400, "authoritative"}, {0x200, "truncated"}, {0x100, "recursion desired"}, {0x80, "recursion available"}, {0x20, "authentic data"}, {0x10, "checking disabled"}} {
		if flags&f.bit != 0 {
			set = append(set, f.name)
		}
	}
	if flags&0x8000 != 0 {
		code := fmt.Sprintf("code %d", flags&15)
		if c := int(flags & 15); c < len(dnsCodes) {
			code = dnsCodes[c]
		}
		set = append(set, code)
	}
	if op := flags >> 11 & 15; op != 0 {
		set = append(set, fmt.Sprintf("operation %d", op))
	}
	return strings.Join(set, ", ")
}

func (m *dnsMessage) meaning(flags uint16) string {
	asked := "something"
	if len(m.asked) > 0 {
		asked = m.asked[0]
	}
	switch code := flags & 15; {
	case flags&0x8000 == 0:
		return fmt.Sprintf("Asks for %s: before programs can speak, a name has to become an address.", asked)
	case code == 3:
		return fmt.Sprintf("Answers that there is no such name: %s.", asked)
	case code != 0:
		return fmt.Sprintf("Refuses to answer %s: %s.", asked, dnsFlags(flags))
	case flags&0x200 != 0:
		return fmt.Sprintf("The answer to %s is too large for a datagram: ask again over TCP.", asked)
	case len(m.gave) == 0:
		return fmt.Sprintf("Answers that the name exists, but has none of these: %s.", asked)
	}
	return fmt.Sprintf("Answers %s: %s.", asked, strings.Join(m.gave[:min(len(m.gave), 3)], ", "))
}

func (m *dnsMessage) question() bool {
	start := m.at
	name, ok := m.name(&m.at)
	if !ok || m.at+4 > len(m.b) {
		return false
	}
	what := fmt.Sprintf("%s %s", dnsType(binary.BigEndian.Uint16(m.b[m.at:])), name)
	m.at += 4
	m.asked = append(m.asked, what)
	m.show("question", what, start)
	return true
}

// show adds a field for what ends at m.at.
func (m *dnsMessage) show(name, value string, from int) {
	if m.shown++; m.shown > dnsMaxShown {
		last := &m.fields[len(m.fields)-1]
		if m.shown == dnsMaxShown+1 {
			m.fields = append(m.fields, Field{"more", "", from, m.at})
			last = &m.fields[len(m.fields)-1]
		}
		last.Value, last.To = fmt.Sprintf("%d records", m.shown-dnsMaxShown), m.at
		return
	}
	m.fields = append(m.fields, Field{name, value, from, m.at})
}

func (m *dnsMessage) record(section string) bool {
	start := m.at
	name, ok := m.name(&m.at)
	if !ok || m.at+10 > len(m.b) {
		return false
	}
	h := m.b[m.at:]
	kind, class, ttl, size := binary.BigEndian.Uint16(h), binary.BigEndian.Uint16(h[2:]), binary.BigEndian.Uint32(h[4:]), int(binary.BigEndian.Uint16(h[8:]))
	data := m.at + 10
	if m.at = data + size; m.at > len(m.b) {
		return false
	}
	if kind == dnsOPT {
		m.show("EDNS", edns(class, ttl, m.b[data:m.at]), start)
		return true
	}
	value, ok := m.data(kind, data, m.at)
	if !ok {
		return false
	}
	if section == "answer" {
		m.gave = append(m.gave, value)
	}
	m.show(section, fmt.Sprintf("%s %s %s, to be kept %d s", name, dnsType(kind), value, ttl), start)
	return true
}

// data writes what a record says (RFC 1035, section 3.3; RFC 3596; RFC 2782).
func (m *dnsMessage) data(kind uint16, from, to int) (string, bool) {
	b := m.b[from:to]
	at := from
	switch {
	case kind == dnsA && len(b) == 4, kind == dnsAAAA && len(b) == 16:
		a, _ := netip.AddrFromSlice(b)
		return a.String(), true
	case kind == dnsNS || kind == dnsCNAME || kind == dnsPTR:
		return m.name(&at)
	case kind == dnsMX && len(b) > 2:
		at += 2
		name, ok := m.name(&at)
		return fmt.Sprintf("%d %s", binary.BigEndian.Uint16(b), name), ok
	case kind == dnsSRV && len(b) > 6:
		at += 6
		name, ok := m.name(&at)
		return fmt.Sprintf("priority %d, weight %d, %s port %d", binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), name, binary.BigEndian.Uint16(b[4:])), ok
	case kind == dnsSOA:
		server, ok1 := m.name(&at)
		mail, ok2 := m.name(&at)
		if !ok1 || !ok2 || at+20 > to {
			return "", false
		}
		return fmt.Sprintf("%s, of %s, serial %d", server, mail, binary.BigEndian.Uint32(m.b[at:])), true
	case kind == dnsTXT:
		var s []string
		for len(b) > 0 && int(b[0]) < len(b) {
			s = append(s, `"`+text(b[1:1+b[0]])+`"`)
			b = b[1+int(b[0]):]
		}
		return text(strings.Join(s, " ")), len(b) == 0
	}
	return fmt.Sprintf("%d bytes", len(b)), true
}

// edns writes the record in which both sides say what they can do beyond
// RFC 1035 (RFC 6891, section 6.1).
func edns(size uint16, ttl uint32, b []byte) string {
	said := []string{fmt.Sprintf("version %d", ttl>>16&0xff), fmt.Sprintf("datagrams up to %d bytes", size)}
	if ttl&0x8000 != 0 {
		said = append(said, "wants signatures (DO)")
	}
	const shown = 8
	for len(b) >= 4 && len(said) < shown {
		kind, length := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+length {
			break
		}
		switch kind {
		case 8:
			said = append(said, "says where the client is (RFC 7871)")
		case 10:
			said = append(said, fmt.Sprintf("cookie %x", b[4:4+min(length, 40)]))
		default:
			said = append(said, fmt.Sprintf("option %d of %d bytes", kind, length))
		}
		b = b[4+length:]
	}
	return strings.Join(said, ", ")
}

// name reads a name at a place and moves the place behind it. A pointer leads
// back to a name before it (RFC 1035, section 4.1.4); since each has to point
// before the last, and there may not be more of them than a name has bytes,
// reading ends soon.
func (m *dnsMessage) name(at *int) (string, bool) {
	var labels []string
	size, limit, pos, jumped := 0, len(m.b), *at, false
	for steps := 0; ; steps++ {
		if pos >= len(m.b) || steps > dnsMaxName {
			return "", false
		}
		n := int(m.b[pos])
		switch {
		case n == 0:
			if !jumped {
				*at = pos + 1
			}
			if len(labels) == 0 {
				return ".", true
			}
			return strings.Join(labels, "."), true
		case n >= 0xc0:
			if pos+2 > len(m.b) {
				return "", false
			}
			to := int(binary.BigEndian.Uint16(m.b[pos:]) & 0x3fff)
			if !jumped {
				*at, limit, jumped = pos+2, pos, true
			}
			if to >= limit {
				return "", false
			}
			limit, pos = to, to
		case n >= 0x40 || pos+1+n > len(m.b):
			return "", false
		default:
			if size += 1 + n; size >= dnsMaxName {
				return "", false
			}
			labels = append(labels, text(m.b[pos+1:pos+1+n]))
			pos += 1 + n
		}
	}
}

// readDNSStream reads a message as TCP carries it, its length first
// (RFC 1035, section 4.2.2).
func readDNSStream(b []byte) (sheets []sheet, name string, ok bool) {
	if sheets, name, ok = readDNS(b[2:]); !ok {
		return nil, "", false
	}
	shift(sheets, 2)
	l := head("DNS length", osiPresentation, 0, 2, "How long the message is: a stream, unlike a datagram, does not tell where one ends.",
		Field{"length", fmt.Sprintf("%d bytes", len(b)-2), 0, 2})
	return append([]sheet{l}, sheets...), name, true
}
