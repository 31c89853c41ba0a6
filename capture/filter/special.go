package filter

import "golang.org/x/net/bpf"

// specials are the terms that begin with a word of their own, which has been
// taken when they are called.
var specials map[string]func(*parser, token) (node, error)

func init() { // they use the parser, which uses them
	specials = map[string]func(*parser, token) (node, error){
		"less": (*parser).sized, "greater": (*parser).sized,
		"inbound": (*parser).direction, "outbound": (*parser).direction,
		"vlan": (*parser).vlan,
	}
	for name := range named {
		specials[name] = (*parser).named
	}
}

// named are protocols that a word of their own stands for, and no more: IANA's
// number, and whether it is looked for in IPv6 as well.
var named = map[string]struct {
	number uint32
	both   bool
}{
	"ah": {51, true}, "esp": {50, true}, "pim": {103, true}, "igrp": {9, false}, "vrrp": {112, false}, "carp": {112, false},
}

func (p *parser) named(word token) (node, error) {
	n := named[word.text]
	if n.both {
		return p.link.eitherIP(n.number), nil
	}
	return p.link.ip4(n.number), nil
}

// sized parses the number behind "less" or "greater", both inclusive.
func (p *parser) sized(word token) (node, error) {
	t := p.take()
	if t.kind != kindNumber {
		return nil, p.unexpected(t)
	}
	if word.text == "less" {
		return not{relation{bpf.JumpGreaterThan, length{}, number(t.number)}}, nil
	}
	return relation{bpf.JumpGreaterOrEqual, length{}, number(t.number)}, nil
}

// direction tests which way a packet went. A cooked header tells so itself.
func (p *parser) direction(word token) (node, error) {
	var out node = outbound{}
	if at := p.link.packetType; at.size > 0 {
		out = at
	}
	if word.text == "inbound" {
		return not{out}, nil
	}
	return out, nil
}

// maxVLAN is the last VLAN identifier (IEEE 802.1Q section 9.6).
const maxVLAN = 4095

// EtherTypes of VLAN tags: customer and service tag (IEEE 802.1Q section
// 9.5), and what was used before there was the second.
const (
	etherVLAN    = 0x8100
	etherQinQ    = 0x88a8
	etherOldQinQ = 0x9100
)

// vlan tests for a VLAN tag. What follows it in the expression, whatever
// joins them, is looked for behind the tag; a second "vlan" is the inner tag.
func (p *parser) vlan(word token) (node, error) {
	l := p.link
	if !l.ethernet {
		return nil, p.errorf(word, "these packets have no Ethernet header, and so no VLAN tags")
	}
	n := anyOf(l.carries(etherVLAN), l.carries(etherQinQ), l.carries(etherOldQinQ))
	if t := p.peek(); t.kind == kindNumber {
		p.take()
		if t.number > maxVLAN {
			return nil, p.errorf(t, "%d is no VLAN, which end at %d", t.number, maxVLAN)
		}
		n = and{n, field{offset: l.network, size: 2, clear: ^uint32(maxVLAN), test: bpf.JumpEqual, operand: t.number}}
	}
	if l.network > maxIndex {
		return nil, p.errorf(word, "no packet has so many VLAN tags")
	}
	p.link.network += tagBytes
	p.link.typeAt += tagBytes
	return n, nil
}
