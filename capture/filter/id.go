package filter

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// keywords cannot be names or addresses.
var keywords = map[string]bool{
	"and": true, "or": true, "not": true, "src": true, "dst": true, "host": true, "net": true, "port": true,
	"portrange": true, "proto": true, "less": true, "greater": true, "len": true, "broadcast": true, "multicast": true, "mask": true,
	"vlan": true, "inbound": true, "outbound": true,
}

// atID reports whether an id comes next, rather than a term: behind any
// parentheses and nots stands an address, a name or a number, and the number
// is not part of a comparison.
func (p *parser) atID(q qualifier) bool {
	i := p.next
	for p.tokens[i].is("(") || p.tokens[i].is("not") {
		if p.tokens[i].is("(") && p.parenthesisIsArithmetic(i) {
			return false
		}
		i++
	}
	t := p.tokens[i]
	switch t.kind {
	case kindNumber:
		return !isOperator(p.tokens[i+1])
	case kindWord:
		return t.escaped || !keywords[t.text] && !protocols[t.text] && (looksLikeID(t.text) || q.kind == "port" && isService(t.text))
	}
	return false
}

// looksLikeID tells addresses from words: a word that is no keyword of ours
// may be one of tcpdump's, and is named as not supported instead.
func looksLikeID(s string) bool {
	return s[0] >= '0' && s[0] <= '9' || strings.Contains(s, ":")
}

// id parses what a qualifier applies to.
func (p *parser) id(q qualifier) (node, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	t := p.take()
	switch {
	case t.is("not"):
		n, err := p.id(q)
		return not{n}, err
	case t.is("("):
		return p.idGroup(q)
	case t.kind != kindNumber && t.kind != kindWord || !t.escaped && (keywords[t.text] || protocols[t.text]):
		return nil, p.unexpected(t)
	case !q.defined:
		return nil, p.errorf(t, "it is not said what %q is: write host, net, port or the like before it", t.text)
	}
	n, err := p.resolve(q, t)
	return p.at(t, n, err)
}

// idGroup parses the ids in parentheses.
func (p *parser) idGroup(q qualifier) (node, error) {
	left, err := p.id(q)
	if err != nil {
		return nil, err
	}
	for {
		t, ok := p.accept("and", "or")
		if !ok {
			return left, p.expect(")")
		}
		right, err := p.id(q)
		if err != nil {
			return nil, err
		}
		left = join(t.text, left, right)
	}
}

// resolve builds the test of one id.
func (p *parser) resolve(q qualifier, t token) (node, error) {
	switch q.kind {
	case "port", "portrange":
		return p.resolvePorts(q, t)
	case "proto":
		n, err := protocolOf(q, t)
		if err != nil {
			return nil, err
		}
		return p.link.protocolNumber(q, n)
	}
	if mac, err := net.ParseMAC(t.text); err == nil && len(mac) == 6 {
		return p.link.hardware(q, mac)
	}
	if q.protocol == "ether" {
		return nil, fmt.Errorf("%q is no Ethernet address such as 02:00:00:00:00:01", t.text)
	}
	prefix, err := p.prefix(q, t)
	if err != nil {
		return nil, err
	}
	return p.link.address(q, prefix)
}

// prefix reads an address or a network, with what follows it: "/24" or "mask …".
func (p *parser) prefix(q qualifier, t token) (netip.Prefix, error) {
	address, bits, err := parseAddress(q, t.text)
	if err != nil {
		return netip.Prefix{}, err
	}
	slash, sized := p.accept("/")
	masked := false
	if sized {
		n := p.take()
		if n.kind != kindNumber || n.number > uint32(address.BitLen()) {
			return netip.Prefix{}, fmt.Errorf("%s is no prefix length for %s", n.quoted(), address)
		}
		bits = int(n.number)
	} else if _, masked = p.accept("mask"); masked {
		if bits, err = maskBits(p.take().text); err != nil {
			return netip.Prefix{}, err
		}
	}
	if (sized || masked) && q.kind != "net" {
		return netip.Prefix{}, fmt.Errorf("%q makes it a network: write net, not host", slash.text)
	}
	prefix, err := address.Prefix(bits)
	if err == nil && prefix.Addr() != address {
		err = fmt.Errorf("%s has bits set behind the first %d", address, bits)
	}
	return prefix, err
}

// parseAddress reads an address; "net 10.77" stands for 10.77.0.0/16.
func parseAddress(q qualifier, text string) (netip.Addr, int, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" && !a.Is4In6() {
		return a, a.BitLen(), nil
	}
	octets := strings.Split(text, ".")
	if q.kind == "net" && len(octets) < 4 {
		full := text + strings.Repeat(".0", 4-len(octets))
		if a, err := netip.ParseAddr(full); err == nil && octets[0] != "0" {
			return a, 8 * len(octets), nil
		}
	}
	return netip.Addr{}, 0, fmt.Errorf("%q is no address; names are not looked up", text)
}

// maskBits turns a netmask into a prefix length.
func maskBits(text string) (int, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is no netmask such as 255.255.255.0", text)
	}
	b := a.As4()
	ones, size := net.IPMask(b[:]).Size()
	if size == 0 {
		return 0, fmt.Errorf("the netmask %s has a hole, which is not supported", text)
	}
	return ones, nil
}

// resolvePorts reads "53", "domain" or "9000-9010".
func (p *parser) resolvePorts(q qualifier, t token) (node, error) {
	first, last, ranged := strings.Cut(t.text, "-")
	if t.kind == kindNumber {
		return p.portNumbers(q, uint64(t.number), uint64(t.number))
	}
	if ranged && q.kind == "portrange" {
		low, err1 := strconv.ParseUint(first, 10, 32)
		high, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%q is no range of ports such as 9000-9010", t.text)
		}
		return p.portNumbers(q, min(low, high), max(low, high))
	}
	return p.service(q, t.text)
}

func (p *parser) portNumbers(q qualifier, low, high uint64) (node, error) {
	if high > 0xffff {
		return nil, fmt.Errorf("%d is no port, which end at 65535", high)
	}
	return p.link.ports(q, uint32(low), uint32(high))
}

// service looks up a port's name. A service that only one transport has is
// looked for on that one, as tcpdump does.
func (p *parser) service(q qualifier, name string) (node, error) {
	if q.protocol != "" && transports[q.protocol] == 0 || q.kind == "portrange" {
		return nil, fmt.Errorf("%q is no number", name)
	}
	tcp, noTCP := net.LookupPort("tcp", name)
	udp, noUDP := net.LookupPort("udp", name)
	switch {
	case q.protocol == "tcp" && noTCP == nil, q.protocol == "" && noTCP == nil && noUDP != nil:
		q.protocol = "tcp"
		return p.portNumbers(q, uint64(tcp), uint64(tcp))
	case q.protocol == "udp" && noUDP == nil, q.protocol == "" && noUDP == nil && noTCP != nil:
		q.protocol = "udp"
		return p.portNumbers(q, uint64(udp), uint64(udp))
	case (q.protocol == "" || q.protocol == "sctp") && noTCP == nil && noUDP == nil && tcp == udp:
		return p.portNumbers(q, uint64(tcp), uint64(tcp))
	}
	return nil, fmt.Errorf("%q is no port that is known here; write its number", name)
}

// isService reports whether a word is the name of a port.
func isService(name string) bool {
	_, noTCP := net.LookupPort("tcp", name)
	_, noUDP := net.LookupPort("udp", name)
	return noTCP == nil || noUDP == nil
}

// protocolOf reads the number or name behind "proto".
func protocolOf(q qualifier, t token) (uint32, error) {
	if t.kind == kindNumber {
		return t.number, nil
	}
	numbers := map[string]uint32{"icmp": protoICMP, "igmp": protoIGMP, "tcp": protoTCP, "udp": protoUDP, "sctp": protoSCTP,
		"icmp6": protoICMPv6, "ipv6-icmp": protoICMPv6, "gre": 47, "esp": 50, "ah": 51}
	if q.protocol == "ether" {
		numbers = map[string]uint32{"ip": etherIP, "ip6": etherIPv6, "arp": etherARP, "rarp": etherRARP}
	}
	n, ok := numbers[t.text]
	if !ok {
		return 0, fmt.Errorf("%q is no protocol that is known here; write its number", t.text)
	}
	return n, nil
}
