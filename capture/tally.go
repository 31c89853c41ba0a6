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
	parsers map[uint16]*dissect.Parser // by link type

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

func (l *Layer) add(bytes int) { l.addAll(bytes, 1) }

// addAll adds so many times the same.
func (l *Layer) addAll(bytes, times int) {
	l.Packets += times
	l.Bytes += uint64(bytes * times)
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
	if t.Packets == 0 {
		t.First = p.Time
	}
	t.Last = p.Time
	t.packet(t.source.Interfaces()[p.Interface].LinkType, p.Data, p.Length)
	return nil
}

// packet counts one of length bytes, whose beginning is data.
func (t *Tally) packet(linkType uint16, data []byte, length int) {
	if linkType == dissect.LinkEthernet {
		if p, ok := dissect.PlainEthernet(data); ok {
			t.plain(&p, data, length)
			return
		}
	}
	t.other(linkType, data, length)
}

// size adds so many packets of the same size.
func (t *Tally) size(captured, length, times int) {
	t.Packets += times
	t.Bytes += uint64(length * times)
	t.Captured += uint64(captured * times)
}

// other is packet for those that are not plain, and right for all.
func (t *Tally) other(linkType uint16, data []byte, length int) {
	t.size(len(data), length, 1)
	h, err := t.parser(linkType).Parse(data)
	link := 0 // what is known of a link header without IP behind it
	if linkType == dissect.LinkEthernet {
		link = dissect.EthernetBytes
	}
	t.count(&h, length, link, err != nil)
}

func (t *Tally) parser(linkType uint16) *dissect.Parser {
	p := t.parsers[linkType]
	if p == nil {
		if t.parsers == nil {
			t.parsers = make(map[uint16]*dissect.Parser)
		}
		p = dissect.NewParser(linkType)
		t.parsers[linkType] = p
	}
	return p
}

// plain is packet for a plain one.
func (t *Tally) plain(p *dissect.Plain, data []byte, length int) {
	above := t.headers(p, len(data), length, 1)
	t.carried(above, data[p.Payload:p.End], p.End-p.Payload)
}

// headers adds all but what is carried of so many plain packets, and returns
// where that belongs.
func (t *Tally) headers(p *dissect.Plain, captured, length, times int) *aboveCount {
	t.size(captured, length, times)
	t.link.addAll(dissect.EthernetBytes, times)
	net := &t.nets[netIPv4]
	if p.V6 {
		net = &t.nets[netIPv6]
	}
	net.addAll(p.Transport-dissect.EthernetBytes, times)
	above := &net.above[aboveUDP]
	if p.Protocol == dissect.TCP {
		above = &net.above[aboveTCP]
	}
	above.addAll(p.Payload-p.Transport, times)
	if rest := length - p.End; rest > 0 {
		t.padding.addAll(rest, times)
	}
	return above
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
	var frames []byte // where some may be
	switch {
	case h.Fragment:
		above = &net.above[aboveFragment]
	case h.Protocol == dissect.UDP:
		above, frames = &net.above[aboveUDP], h.Payload
	case h.Protocol == dissect.TCP:
		above, frames = &net.above[aboveTCP], h.Payload
	case h.Protocol == dissect.ICMP || h.Protocol == dissect.ICMPv6:
		above = &net.above[aboveICMP]
	}
	above.add(h.PayloadStart - segment)
	payload := max(0, min(h.PayloadLength, length-h.PayloadStart))
	t.carried(above, frames, payload)
	t.pad(length - h.PayloadStart - payload)
}

func (t *Tally) pad(bytes int) {
	if bytes > 0 {
		t.padding.add(bytes)
	}
}

// carried counts the frames of ours that a payload of length bytes begins
// with, and the rest of it.
func (t *Tally) carried(above *aboveCount, payload []byte, length int) {
	ours, events := 0, 0
	for len(payload) >= framing.MinSize {
		frame, ok := framing.Measure(payload, framing.DefaultLimit)
		if !ok {
			break
		}
		t.Kinds[frame.Kind]++
		ours, payload = ours+frame.Size, payload[frame.Size:]
		events += eventBytes(&frame)
	}
	above.carry(ours, events, length-ours, 1)
}

// eventBytes returns how many bytes of a frame are an event's.
func eventBytes(f *framing.Outline) int {
	if f.Kind == framing.KindEmit || f.Kind == framing.KindEvent {
		return f.Payload
	}
	return 0
}

// carry adds so many payloads with frames of ours bytes, of which events are
// those of events, and rest bytes behind them.
func (c *aboveCount) carry(ours, events, rest, times int) {
	if ours > 0 {
		c.frames.addAll(ours-events, times)
	}
	if events > 0 {
		c.events.addAll(events, times)
	}
	if rest > 0 {
		c.other.addAll(rest, times)
	}
}

// merge adds what follows t.
func (t *Tally) merge(o *Tally) {
	if t.Packets == 0 {
		t.First = o.First
	}
	if o.Packets > 0 {
		t.Last = o.Last
	}
	t.Packets += o.Packets
	t.Bytes += o.Bytes
	t.Captured += o.Captured
	for k, n := range o.Kinds {
		t.Kinds[k] += n
	}
	t.link.merge(o.link)
	t.padding.merge(o.padding)
	for n := range t.nets {
		t.nets[n].merge(&o.nets[n])
	}
}

func (l *Layer) merge(o Layer) {
	l.Packets += o.Packets
	l.Bytes += o.Bytes
}

func (n *netCount) merge(o *netCount) {
	n.Layer.merge(o.Layer)
	for i := range n.above {
		a, b := &n.above[i], &o.above[i]
		a.Layer.merge(b.Layer)
		a.frames.merge(b.frames)
		a.events.merge(b.events)
		a.other.merge(b.other)
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
