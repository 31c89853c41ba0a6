package account

import (
	"time"

	"rawlab/capture/dissect"
)

// DroppedPacket is a packet that the kernel of a capturing host dropped, as
// the kernel tells it; the last fields are what [Dropped] found out of it.
type DroppedPacket struct {
	Time     time.Time
	Reason   string // skb_drop_reason of Linux, without its prefix: NO_SOCKET
	Packet   []byte // its first bytes, from the IP header on
	Length   int    // bytes that it had
	Segment  int    // payload bytes of each packet that a large one stands for; 0: it is one
	Homeless bool   // the kernel no longer knew of which network namespace it was: it counts only if it was captured

	Packets int  // that it stands for
	Number  int  // of the first of them in the capture, from 1; 0: it was not captured
	Events  []ID // in it, or a piece of them; as far as is known yet

	key    uint64
	vague  bool            // the key has no payload, which there was
	begins []dissect.Frame // in Packet
	told   bool            // as astray
}

// Dropped tells which packets of a live capture the capturing host's kernel
// dropped, which events were in them, and which events it therefore dropped
// in every copy that came. The kernel tells of a drop before the capture
// gives the packet, or after it, by the packet's beginning:
//
//	capture ─ Packet ─┐
//	                  ├─ by addresses, numbers, first bytes ─ At, Settle, Lost, Totals
//	kernel  ─ Drop ───┘
//
// It remembers the last 131,072 packets, and what the bounds beside its other
// fields say. It is not safe for concurrent use.
type Dropped struct {
	Excess int // events and drops that there was no room to note

	follow  bool
	copies  map[copyKey]*copies   // at most maxSeen
	totals  map[string]*DropTotal // at most maxReasons, with at most maxSeen events together
	noted   int                   // events in totals
	recent  []sightedPacket       // by number, the oldest overwritten
	latest  map[uint64]int        // the last packet of a key
	number  int                   // of the last packet
	queue   dropQueue             // of drops that wait for their packet
	taps    []*dissect.Assembler  // by interface
	places  []*Place              // the same, of an observer that wants their frames; may be fewer
	parsers map[uint16]*dissect.Parser
	keys    keyer
	freed   freed
}

const (
	maxRecent  = 1 << 17
	maxReasons = 1 << 10 // Linux 6.18 has some 120, and its subsystems more
	// clocksApart is how much later than its drop a packet may seem to be: two
	// clocks tell their times.
	clocksApart = 20 * time.Microsecond
	// soonDropped is how long after it was captured a packet is dropped that
	// little tells from others of its flow.
	soonDropped = 2 * time.Millisecond
	// maxAlike bounds the search among packets alike.
	maxAlike = 1 << 10
)

// sightedPacket is a packet of the capture.
type sightedPacket struct {
	number int
	keys   [2]uint64 // the long one, and the short one if it is another
	before [2]int    // the packet before it with the same key
	time   time.Time
	iface  int
	events []*sighted
	drop   *DroppedPacket
}

// NewDropped returns one that knows of no packet. To follow is to note of each
// event whether all its copies were dropped, for [Dropped.Lost].
func NewDropped(follow bool) *Dropped {
	return &Dropped{
		follow: follow, copies: map[copyKey]*copies{}, totals: map[string]*DropTotal{}, recent: make([]sightedPacket, maxRecent),
		latest: map[uint64]int{}, queue: newDropQueue(), parsers: map[uint16]*dissect.Parser{}, keys: newKeyer(), freed: freed{},
	}
}

func (d *Dropped) parser(linkType uint16) *dissect.Parser {
	p := d.parsers[linkType]
	if p == nil {
		p = dissect.NewParser(linkType)
		d.parsers[linkType] = p
	}
	return p
}

// Packet shows the next packet of the capture and returns its number.
func (d *Dropped) Packet(iface int, linkType uint16, at time.Time, data []byte) int {
	d.number++
	s := d.slot(d.number)
	for _, key := range s.keys {
		if key != 0 && d.latest[key] == s.number {
			delete(d.latest, key)
		}
	}
	*s = sightedPacket{number: d.number, time: at, iface: iface}
	h, _ := d.parser(linkType).Parse(data) // as far as it goes
	s.keys[0], s.keys[1] = d.keys.of(&h, data)
	if s.keys[1] == s.keys[0] {
		s.keys[1] = 0
	}
	for i, key := range s.keys {
		if key != 0 {
			s.before[i] = d.latest[key]
			d.latest[key] = d.number
			d.queue.came(key)
		}
	}
	for len(d.taps) <= iface {
		d.taps = append(d.taps, nil)
	}
	if d.taps[iface] == nil {
		d.taps[iface] = dissect.NewAssembler(&dissect.Options{LinkType: linkType, Early: true, Parser: d.parser(linkType)})
	}
	d.taps[iface].Add(d.number, at, data)
	d.collect(iface, d.taps[iface].Frames())
	return d.number
}

// Number is that of the last packet.
func (d *Dropped) Number() int { return d.number }

func (d *Dropped) slot(number int) *sightedPacket { return &d.recent[number%maxRecent] }

// At returns the drop of a packet; nil if there is none that is known.
func (d *Dropped) At(number int) *DroppedPacket {
	if s := d.slot(number); s.number == number {
		return s.drop
	}
	return nil
}

// Drop notes a packet that the kernel dropped. If it is none of those captured
// so far, it waits for [Dropped.Settle].
func (d *Dropped) Drop(r *DroppedPacket) {
	if r.Reason == ownRing {
		return
	}
	h, _ := d.parser(dissect.LinkRaw).Parse(r.Packet) // an error says that it is cut, which it is
	r.key, _ = d.keys.of(&h, r.Packet)
	r.vague = h.Protocol == dissect.UDP && len(h.Payload) == 0 && h.PayloadLength > 0
	if d.freed.with(&h, r) {
		return
	}
	r.begins = h.Beginnings()
	r.Packets = 1
	if r.Segment > 0 {
		r.Packets = max(1, (h.PayloadLength+r.Segment-1)/r.Segment)
	}
	if !d.join(r, false) && !d.queue.push(r) {
		d.Excess++
	}
}

// unspecified is the reason that Linux gives where it has none, and for the
// pieces of what it has dropped for another.
const unspecified = "NOT_SPECIFIED"

// ownRing is the reason of packets for which a capture's ring had no room:
// their receivers have them.
const ownRing = "PACKET_SOCK_ERROR"

// Settle looks again for the packets of drops that wait for them, after
// others were captured: the capture has given what came until soFar. It
// returns those whose packets should have been among that, or all of them if
// soFar is zero: they were not captured.
func (d *Dropped) Settle(soFar time.Time) (astray []*DroppedPacket) {
	d.queue.retry(func(r *DroppedPacket) bool { return d.join(r, false) })
	for r := range d.queue.due(soFar) {
		switch {
		case d.join(r, true), r.Homeless:
		default:
			d.note(r)
			r.told = true
			astray = append(astray, r)
		}
	}
	return astray
}

// join finds the packet of a drop: of several alike, the last before it that
// was not dropped yet. In the end it may be one that was: when several sockets
// were to get it, each may have dropped it.
func (d *Dropped) join(r *DroppedPacket, again bool) bool {
	found := 0
	for n, steps := d.latest[r.key], 0; n > 0 && r.key != 0 && steps < maxAlike; steps++ {
		s := d.slot(n)
		if s.number != n || r.vague && r.Time.Sub(s.time) > soonDropped {
			break
		}
		after := s.time.After(r.Time.Add(clocksApart))
		if !after && s.drop == nil {
			found = n
			break
		}
		if !after && again && found == 0 {
			found = n
		}
		n = s.before[0]
		if s.keys[0] != r.key {
			n = s.before[1]
		}
	}
	if found == 0 {
		return false
	}
	r.Number = found
	first := d.slot(found)
	if first.drop != nil && r.Reason == unspecified {
		return true // a piece of what was dropped as one
	}
	if !r.told {
		d.note(r)
	}
	for n := range r.Packets {
		s := d.slot(found + n)
		if s.number != found+n || s.iface != first.iface || !s.time.Equal(first.time) {
			break
		}
		if s.drop == nil {
			s.drop = r
		}
		for _, e := range s.events {
			d.hit(r, e)
		}
	}
	return true
}

// Finish ends the capture: what streams still held back is known now.
func (d *Dropped) Finish() {
	for iface, a := range d.taps {
		if a != nil {
			d.collect(iface, a.Finish())
		}
	}
}
