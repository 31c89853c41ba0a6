package account

import (
	"fmt"
	"slices"
	"strings"
)

// notes gathers a comment for every packet of a tap.
type notes struct {
	carried []*crossing         // by packet; nil: none
	more    map[int][]*crossing // by packet: those beyond the first
	fate    []string
	piece   map[int]string // by packet: which piece of its event it carried
	again   map[int]bool   // by packet: a rung has sent that before
}

func newNotes(packets int) *notes {
	return &notes{carried: make([]*crossing, packets), more: map[int][]*crossing{}, piece: map[int]string{}, fate: make([]string, packets)}
}

// add remembers what a crossing's packets carried and what the wire did.
func (n *notes) add(c *crossing, wire *Wire) {
	for i, s := range c.pieces {
		if c.cut != nil {
			n.piece[s.Packet] = c.cut.say(i)
		}
		if n.carried[s.Packet] == nil {
			n.carried[s.Packet] = c
		} else {
			n.more[s.Packet] = append(n.more[s.Packet], c)
		}
		n.fate[s.Packet] = s.say(wire)
	}
}

// say tells a packet's fate in words.
func (s *Sighting) say(wire *Wire) string {
	if s.Passage < 0 {
		return "never reached the wire"
	}
	p := &wire.Passages[s.Passage]
	switch p.Fate {
	case PacketLost:
		return "wire-loss: ends here"
	case PacketOverflow:
		return "wire-queue: ends here, the queue was full"
	case PacketHeld:
		return "still under way when the wire stopped"
	case PacketCorrupted:
		return "wire-corrupt: a bit was flipped on the way"
	}
	if p.Copies > 1 {
		return fmt.Sprintf("passed, %d times", p.Copies)
	}
	return "passed"
}

// note writes the comments of a leg's packets, at both its ends.
func (l *Ledger) note(number int, n *notes, j *Joined, to *Tap) {
	from, end := Client, Server
	if number == ToSubscriber {
		from, end = Server, Client
	}
	if l.Notes[from] == nil {
		l.Notes[from] = make([]string, len(n.carried))
	}
	if l.Notes[end] == nil {
		l.Notes[end] = make([]string, len(to.Packets))
	}
	left, came := comment{notes: n}, comment{notes: n, prefix: "arrived, "}
	for i := range j.Sightings {
		p := j.Sightings[i].Packet
		l.Notes[from][p] = left.say(p)
	}
	for p, s := range j.origin {
		if s >= 0 {
			l.Notes[end][p] = came.say(j.Sightings[s].Packet)
		}
	}
}

// comment writes comments one after the other. Fragments of one datagram
// mostly have the same, and share it.
type comment struct {
	*notes
	prefix string // of fates
	of     *crossing
	fate   string
	text   string
}

func (c *comment) say(packet int) string {
	of, fate := c.carried[packet], c.notes.fate[packet]
	same := of != nil && of == c.of && fate == c.fate && of.cut == nil && c.more[packet] == nil && !c.again[packet]
	if !same {
		c.text = join2(c.notes.say(packet), c.prefix+fate)
	}
	if c.of, c.fate = of, fate; c.more[packet] != nil || c.again[packet] {
		c.of = nil
	}
	return c.text
}

func join2(events, fate string) string {
	if events == "" {
		return fate
	}
	return events + "; " + fate
}

// say tells what a packet carries.
func (n *notes) say(packet int) string {
	var events []ID
	if c := n.carried[packet]; c != nil {
		events = c.events
	}
	for _, c := range n.more[packet] {
		events = append(slices.Clip(events), c.events...)
	}
	text := n.piece[packet] + sayEvents(events)
	if n.again[packet] {
		text += ", sent again"
	}
	return text
}

// SayEvents lists identities as origin:sequence, runs shortened; "" of none.
func SayEvents(ids []ID) string { return sayEvents(ids) }

// sayEvents lists identities as origin:sequence, runs shortened.
func sayEvents(ids []ID) string {
	if len(ids) == 0 {
		return ""
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, compareID)
	ids = slices.Compact(ids)
	var b strings.Builder
	b.WriteString("event ")
	for i := 0; i < len(ids); {
		end := i + 1
		for end < len(ids) && ids[end].Origin == ids[i].Origin && ids[end].Sequence == ids[end-1].Sequence+1 {
			end++
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d:%d", ids[i].Origin, ids[i].Sequence)
		if end-i > 1 {
			fmt.Fprintf(&b, "–%d", ids[end-1].Sequence)
		}
		i = end
	}
	return b.String()
}
