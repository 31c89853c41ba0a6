package dissect

import (
	"fmt"
	"slices"
)

// joined reports whether it is known what the fragment at hand is a part of.
func (d *dissection) joined() bool {
	return d.fragment && slices.ContainsFunc(d.carried, func(c Carried) bool { return c.Message != nil && c.Message.datagram })
}

// whole reports a datagram put together from IP fragments, with the layers
// that can only be read now. Those of a flow of ours are told by its frames.
func (a *Assembler) whole(m *message, b []byte, runs []run) {
	if a.o.Messages == nil || !m.whole() {
		return
	}
	h := &m.headers
	d := &dissection{data: b, end: len(b), src: h.Src.Addr(), dst: h.Dst.Addr()}
	switch h.Protocol {
	case UDP:
		if a.isOurs(h) {
			return
		}
		d.udp(0)
	case TCP:
		d.tcp(0)
	case ICMP:
		d.icmp(0)
	case ICMPv6:
		d.icmpv6(0)
	default:
		d.undecoded(osiTransport, 0, fmt.Errorf("its protocol is not read here"))
	}
	msg := &Message{
		Transport: h.Protocol, Src: h.Src, Dst: h.Dst, datagram: true, Length: len(b),
		Name: fmt.Sprintf("a datagram put together from %d fragments", len(m.pieces)), Parts: a.partsOf(runs, 0, len(b)),
	}
	for _, l := range d.layers {
		over := []span{{l.From, l.From + min(l.Overhead, l.To-l.From)}}
		msg.layers = append(msg.layers, sheet{Layer: l, over: over})
	}
	if slices.ContainsFunc(msg.Parts, func(p Part) bool { return a.o.Messages(p.Packet) }) {
		a.messages = append(a.messages, msg)
	}
}

// isOurs reports whether a datagram's flow speaks our protocol, or seems to.
func (a *Assembler) isOurs(h *Headers) bool {
	key := flowKey{UDP, h.Src, h.Dst}
	if h.Dst.Compare(h.Src) < 0 {
		key.low, key.high = h.Dst, h.Src
	}
	f := a.flows[key]
	return f != nil && f.ours == oursYes
}
