package account

import (
	"cmp"
	"maps"
	"slices"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// sighted is a frame with an event, or with a piece of one, in packets of the
// capture.
type sighted struct {
	event   ID
	copy    *copies // of which it is one, if it is whole in datagrams; else nil
	dropped bool
}

// copies are those of an event that came in datagrams on one leg of its way.
type copies struct {
	seen, dropped int
	reason        string // why the last of those was
	claimed       string // why a packet was dropped that said to be one, and is none of those seen
}

type copyKey struct {
	event ID
	leg   int
}

// copiesOf returns those of an event, nil if nobody follows it.
func (d *Dropped) copiesOf(event ID, leg int) *copies {
	if !d.follow {
		return nil
	}
	k := copyKey{event, leg}
	c := d.copies[k]
	if c == nil && len(d.copies) == maxSeen {
		d.Excess++
		return nil
	}
	if c == nil {
		c = &copies{}
		d.copies[k] = c
	}
	return c
}

// legOf tells on which leg a kind of frame is.
func legOf(k framing.Kind) int {
	if k == framing.KindEvent {
		return ToSubscriber
	}
	return ToServer
}

// collect notes which packets of an interface frames were in.
func (d *Dropped) collect(iface int, frames []*dissect.Frame) {
	if iface < len(d.places) {
		d.places[iface].collect(frames)
	}
	for _, f := range frames {
		if !f.Event() && f.Kind != framing.KindFragment {
			continue
		}
		e := &sighted{event: ID{f.Origin, f.Sequence}}
		if f.Transport == dissect.UDP && f.Event() && f.Err == nil {
			if e.copy = d.copiesOf(e.event, legOf(f.Kind)); e.copy != nil {
				e.copy.seen++
			}
		}
		for _, part := range f.Parts {
			s := d.slot(part.Packet)
			if s.number != part.Packet || slices.Contains(s.events, e) {
				continue
			}
			s.events = append(s.events, e)
			if s.drop != nil {
				d.hit(s.drop, e)
			}
		}
	}
}

// hit notes that a drop took a frame.
func (d *Dropped) hit(r *DroppedPacket, e *sighted) {
	d.carried(r, e.event)
	if e.copy != nil && !e.dropped {
		e.dropped = true
		e.copy.dropped++
		e.copy.reason = r.Reason
	}
}

// carried notes that an event was in a dropped packet.
func (d *Dropped) carried(r *DroppedPacket, event ID) {
	if !slices.Contains(r.Events, event) {
		r.Events = append(r.Events, event)
	}
	t := d.totals[r.Reason]
	if t == nil || t.events[event] {
		return
	}
	if d.noted == maxSeen {
		d.Excess++
		return
	}
	d.noted++
	t.events[event] = true
}

// note counts a drop, and what its own bytes say of its events.
func (d *Dropped) note(r *DroppedPacket) {
	t := d.totals[r.Reason]
	if t == nil && len(d.totals) < maxReasons {
		t = &DropTotal{Reason: r.Reason, events: map[ID]bool{}}
		d.totals[r.Reason] = t
	}
	if t == nil {
		d.Excess++
		return
	}
	t.Packets += r.Packets
	for i := range r.begins {
		f := &r.begins[i]
		if !f.Event() && f.Kind != framing.KindFragment {
			continue
		}
		id := ID{f.Origin, f.Sequence}
		d.carried(r, id)
		if f.Transport != dissect.UDP {
			continue
		}
		if c := d.copiesOf(id, legOf(f.Kind)); c != nil {
			c.claimed = r.Reason
		}
	}
	r.begins = nil
}

// Lost tells why the kernel dropped every copy of an event that came on a leg
// in datagrams, by the last of them; false if it did not, as far as is known.
// TCP sends again what is dropped.
func (d *Dropped) Lost(event ID, leg int) (reason string, lost bool) {
	c := d.copies[copyKey{event, leg}]
	switch {
	case c == nil:
		return "", false
	case c.seen > 0:
		return c.reason, c.dropped == c.seen
	}
	return c.claimed, c.claimed != ""
}

// Took tells why the kernel dropped some copy of an event that came on a leg in
// datagrams, by the last of them.
func (d *Dropped) Took(event ID, leg int) (reason string, some bool) {
	c := d.copies[copyKey{event, leg}]
	switch {
	case c == nil:
		return "", false
	case c.dropped > 0:
		return c.reason, true
	}
	return c.claimed, c.claimed != "" && c.seen == 0
}

// DropTotal is what one reason comes to.
type DropTotal struct {
	Reason  string
	Packets int
	events  map[ID]bool
}

// Events returns those that were in the packets.
func (t *DropTotal) Events() []ID { return slices.Collect(maps.Keys(t.events)) }

// Totals returns what each reason comes to, the most frequent first.
func (d *Dropped) Totals() []*DropTotal {
	return slices.SortedFunc(maps.Values(d.totals), func(a, b *DropTotal) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Reason, b.Reason))
	})
}

// FateOf is the fate that a reason of the kernel brings about; false if it is
// none of those that events are told by.
func FateOf(reason string) (Fate, bool) {
	for _, f := range []Fate{NoSocket, ReceiveBuffer, Checksum, Filtered} {
		if slices.Contains(reasonsOf[f], reason) {
			return f, true
		}
	}
	return "", false
}
