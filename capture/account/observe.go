package account

import (
	"time"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// Sight is what one place saw of an event, at best.
type Sight uint8

// What a place may have seen, in the order of how much that says.
const (
	NeverSeen   Sight = iota // not one byte
	Incomplete               // some of its bytes, of a segment, a fragment or a piece, and not all
	Damaged                  // all of it, with a checksum that is wrong
	DroppedHere              // the capturing host's kernel says that it dropped all that came of it
	Whole                    // all of it, on its way to a server
	Refused                  // that, and a host's answer that nobody listens there (RFC 1122, section 4.1.3.1)
	Forwarded                // all of it, on its way from a server to a subscriber
	sights
)

var sightNames = [...]string{"never seen", "incomplete", "damaged", "dropped", "whole", "refused", "forwarded"}

// String returns the sight in a word or two.
func (s Sight) String() string { return sightNames[s%sights] }

// Place is one tap's part of an observation.
type Place struct {
	Name   string
	Counts [sights]int // of the events, by the most that was seen of each; once finished
	Excess int         // times that there was no room to note another event
	seen   map[ID]Sight
	frames *dissect.Assembler // nil: another finds them
	parser *dissect.Parser
	added  int
}

// Of returns the most that the place saw of an event.
func (p *Place) Of(id ID) Sight { return p.seen[id] }

// maxSeen bounds the events that a place notes (about 60 bytes each).
const maxSeen = 1 << 22

// Observer follows events past taps. It knows no more than the taps do, and
// the kernel where it was asked: where an event went after the last of them,
// it cannot say.
type Observer struct {
	Places []*Place

	// Asked is what the kernel says; nil: nobody asks. It is set before the first
	// place, is shown the same packets, of the same interfaces in the same order,
	// and finds the frames in them for both. It is finished before the observer.
	Asked *Dropped
}

// Place begins another tap, and returns it.
func (o *Observer) Place(name string, linkType uint16) *Place {
	p := &Place{Name: name, seen: map[ID]Sight{}, parser: dissect.NewParser(linkType)}
	if o.Asked != nil {
		o.Asked.places = append(o.Asked.places, p)
	} else {
		p.frames = dissect.NewAssembler(&dissect.Options{LinkType: linkType})
	}
	o.Places = append(o.Places, p)
	return p
}

// collectEvery is after how many packets found frames are taken, so that
// memory does not grow with the capture.
const collectEvery = 1024

// Add shows the place its next packet.
func (p *Place) Add(at time.Time, data []byte) {
	if p.frames != nil {
		p.frames.Add(p.added, at, data)
	}
	if p.added++; p.added%collectEvery == 0 && p.frames != nil {
		p.collect(p.frames.Frames())
	}
	h, err := p.parser.Parse(data)
	switch {
	case err != nil:
	case refuses(&h):
		if id, ok := quoted(h.Payload[icmpHeader:]); ok {
			p.note(id, Refused)
		}
	case h.Protocol == dissect.UDP && !h.Fragment && h.PayloadLength == len(h.Payload):
		_, segment := h.Extent()
		datagram := data[segment : h.PayloadStart+len(h.Payload)]
		if dissect.VerifyUDP(h.Src.Addr(), h.Dst.Addr(), datagram) != dissect.ChecksumBad {
			return // frames tells what is in it
		}
		if origin, sequence, ok := framing.Identify(h.Payload); ok {
			p.note(ID{origin, sequence}, Damaged)
		}
	}
}

// quoted reads which event the beginning of an IP packet carries.
func quoted(packet []byte) (id ID, ok bool) {
	q, _ := dissect.NewParser(dissect.LinkRaw).Parse(packet) // an error only says that the quote is cut
	_, at := q.Extent()
	if q.Protocol != dissect.UDP || at == 0 || at+udpHeader > len(packet) {
		return id, false
	}
	id.Origin, id.Sequence, ok = framing.Identify(packet[at+udpHeader:])
	return id, ok
}

// Finish counts what each place saw of the events that were emitted, and what
// all places did together. Events that the emitter's kernel refused count as
// never seen.
func (o *Observer) Finish(emitted []Emission) (together [sights]int) {
	for _, p := range o.Places {
		if p.frames != nil {
			p.collect(p.frames.Finish())
		}
	}
	for i := range emitted {
		best := NeverSeen
		for _, p := range o.Places {
			s := p.Of(emitted[i].ID)
			p.Counts[s]++
			best = max(best, s)
		}
		if o.Asked != nil {
			best = o.Asked.judge(emitted[i].ID, best)
		}
		together[best]++
	}
	return together
}

// judge tells of an event that was seen so what the kernel makes of that. Where
// both say the same, it was seen already.
func (d *Dropped) judge(event ID, seen Sight) Sight {
	reason, lost := d.Lost(event, ToServer)
	fate, _ := FateOf(reason)
	switch {
	case !lost, seen == Forwarded, seen == Refused && fate == NoSocket, seen == Damaged && fate == Checksum:
		return seen
	}
	return DroppedHere
}

func (p *Place) collect(frames []*dissect.Frame) {
	for _, f := range frames {
		p.note(ID{f.Origin, f.Sequence}, sightOf(f))
	}
}

// sightOf tells what a frame says of its event.
func sightOf(f *dissect.Frame) Sight {
	switch {
	case f.Kind != framing.KindEmit && f.Kind != framing.KindEvent && f.Kind != framing.KindFragment:
		return NeverSeen
	case f.Err != nil, f.Kind == framing.KindFragment:
		return Incomplete
	case f.Kind == framing.KindEvent:
		return Forwarded
	}
	return Whole
}

func (p *Place) note(id ID, s Sight) {
	before := p.seen[id]
	switch {
	case s <= before:
	case before == NeverSeen && len(p.seen) == maxSeen:
		p.Excess++
	default:
		p.seen[id] = s
	}
}
