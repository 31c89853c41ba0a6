package capture

import (
	"time"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// Tally is a sink that counts what each layer of the packets takes, to the
// last byte: the bytes of all layers together are the bytes of all packets.
// It is not safe for concurrent use.
type Tally struct {
	source  Source
	parsers []*dissect.Parser // by interface

	Packets     int
	Bytes       uint64 // they had on their interfaces
	Captured    uint64 // of these
	First, Last time.Time
	Kinds       [framing.MaxKind + 1]int // frames of ours, by kind; of TCP those that begin with a segment's payload
	nets        [nets]netCount
	link        Layer
	padding     Layer // behind what IP says there is
}

// Layer is what one layer has of the packets.
type Layer struct {
	Packets int
	Bytes   uint64 // its own: headers, or what it carries for no layer above
}

func (l *Layer) add(bytes int) {
	l.Packets++
	l.Bytes += uint64(bytes)
}

// What a packet is at the network, above it, and in the end.
const (
	netARP, netIPv4, netIPv6, netOther, nets                      = 0, 1, 2, 3, 4
	aboveUDP, aboveTCP, aboveICMP, aboveFragment, aboveOther, all = 0, 1, 2, 3, 4, 5
)

type netCount struct {
	Layer
	above [all]aboveCount
}

type aboveCount struct {
	Layer
	frames, events, other Layer
}

// NewTally returns a tally of packets of source.
func NewTally(source Source) *Tally { return &Tally{source: source} }

// Flush does nothing: all is counted at once.
func (t *Tally) Flush() error { return nil }

// Write counts one packet.
func (t *Tally) Write(p *Packet) error {
	if t.Packets++; t.Packets == 1 {
		t.First = p.Time
	}
	t.Last = p.Time
	t.Bytes += uint64(p.Length)
	t.Captured += uint64(len(p.Data))
	h, err := t.parser(p.Interface).Parse(p.Data)
	link := 0 // what is known of a link header without IP behind it
	if t.source.Interfaces()[p.Interface].LinkType == dissect.LinkEthernet {
		link = dissect.EthernetBytes
	}
	t.count(&h, p.Length, link, err != nil)
	return nil
}

func (t *Tally) parser(i int) *dissect.Parser {
	for len(t.parsers) <= i {
		t.parsers = append(t.parsers, dissect.NewParser(t.source.Interfaces()[len(t.parsers)].LinkType))
	}
	return t.parsers[i]
}

// count adds a packet of length bytes to each of its layers.
func (t *Tally) count(h *dissect.Headers, length, link int, unread bool) {
	network, segment := h.Extent()
	if segment == 0 || unread { // no IP, or not to be read
		const arp = 28 // bytes of one for IPv4 over Ethernet (RFC 826)
		t.link.add(min(link, length))
		rest := max(0, length-link)
		if h.Protocol != dissect.ARP {
			t.nets[netOther].add(rest)
			return
		}
		t.nets[netARP].add(min(arp, rest))
		t.pad(rest - arp)
		return
	}
	t.link.add(network)
	net := &t.nets[netIPv4]
	if h.Src.Addr().Is6() {
		net = &t.nets[netIPv6]
	}
	net.add(segment - network)
	above := &net.above[aboveOther]
	own := h.PayloadStart - segment
	switch {
	case h.Fragment:
		above = &net.above[aboveFragment]
	case h.Protocol == dissect.UDP:
		above = &net.above[aboveUDP]
	case h.Protocol == dissect.TCP:
		above = &net.above[aboveTCP]
	case h.Protocol == dissect.ICMP || h.Protocol == dissect.ICMPv6:
		above = &net.above[aboveICMP]
	}
	above.add(own)
	payload := max(0, min(h.PayloadLength, length-h.PayloadStart))
	t.carried(above, h, payload)
	t.pad(length - h.PayloadStart - payload)
}

func (t *Tally) pad(bytes int) {
	if bytes > 0 {
		t.padding.add(bytes)
	}
}

// carried counts frames of ours in a payload, and the rest of it.
func (t *Tally) carried(above *aboveCount, h *dissect.Headers, length int) {
	rest := h.Payload
	ours, events := 0, 0
	for !h.Fragment && (h.Protocol == dissect.UDP || h.Protocol == dissect.TCP) {
		f, n, err := framing.Parse(rest, framing.DefaultLimit)
		if err != nil {
			break
		}
		t.Kinds[f.Kind]++
		ours, rest = ours+n, rest[n:]
		if f.Kind == framing.KindEmit || f.Kind == framing.KindEvent {
			events += len(f.Payload)
		}
	}
	if ours > 0 {
		above.frames.add(ours - events)
	}
	if events > 0 {
		above.events.add(events)
	}
	if length > ours {
		above.other.add(length - ours)
	}
}

// Row is a line of a tally: a layer, below others.
type Row struct {
	Depth int // 0 is a link
	Name  string
	Layer
}

// Rows returns the layers that packets had, each behind the one below it.
func (t *Tally) Rows() (rows []Row) {
	add := func(depth int, name string, l Layer) bool {
		if l.Packets > 0 {
			rows = append(rows, Row{depth, name, l})
		}
		return l.Packets > 0
	}
	add(0, "link", t.link)
	for n, name := range [nets]string{"ARP", "IPv4", "IPv6", "not IP, or unreadable"} {
		if !add(1, name, t.nets[n].Layer) {
			continue
		}
		for a, name := range [all]string{"UDP", "TCP", "ICMP", "fragment", "another protocol"} {
			above := &t.nets[n].above[a]
			if !add(2, name, above.Layer) {
				continue
			}
			add(3, "rawlab frame", above.frames)
			add(4, "event", above.events)
			add(3, "payload", above.other)
		}
	}
	add(1, "padding", t.padding)
	return rows
}
