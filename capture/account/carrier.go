package account

// carrier is one datagram, or one TCP segment, that carries events.
type carrier struct {
	first  content // what names it
	pieces []*Sighting
}

// content is an event, or a piece of one by its place in the event's frame.
type content struct {
	event ID
	place int    // -1: the whole
	to    uint64 // the one of several subscribers that it is on its way to
}

// carriers lists the datagrams, or segments, that crossings with events are
// made of, each once.
func carriers(list []crossing) []carrier {
	var all []carrier
	counted := map[*Sighting]bool{}
	for i := range list {
		c := &list[i]
		if len(c.events) == 0 {
			continue
		}
		for n, s := range c.pieces {
			switch {
			case counted[s]:
				continue
			case c.cut != nil:
				all = append(all, carrier{content{c.events[0], c.cut.at[n], c.to}, []*Sighting{s}})
			case n == 0:
				all = append(all, carrier{content{c.events[0], -1, c.to}, c.pieces})
			}
			counted[s] = true
		}
	}
	return all
}

// arrived counts intact copies of the datagram that came to the host.
func (c *carrier) arrived(wire *Wire) int {
	copies := -1
	for _, s := range c.pieces {
		if s.Passage < 0 || wire.Passages[s.Passage].Fate != PacketPassed {
			return 0
		}
		copies = least(copies, s.Arrived)
	}
	return max(0, copies)
}

// taken reports whether the wire lost the datagram or a fragment of it,
// changed it or had no room for it.
func (c *carrier) taken(wire *Wire) bool {
	for _, s := range c.pieces {
		if s.Passage >= 0 {
			switch wire.Passages[s.Passage].Fate {
			case PacketLost, PacketCorrupted, PacketOverflow:
				return true
			}
		}
	}
	return false
}

// countCarriers counts what of one leg's datagrams with events the wire took,
// and where a rung is, what left again and what came. It returns the packets
// of those that left again.
func (l *Ledger) countCarriers(in *Input, number int, list []crossing) (again map[int]bool) {
	again = map[int]bool{}
	left, repeated := map[content]bool{}, map[ID]bool{}
	for _, c := range carriers(list) {
		if c.taken(&in.Wire[number]) {
			l.LostCarriers++
		}
		if in.Rung == nil {
			continue
		}
		l.came[number] += int64(c.arrived(&in.Wire[number]))
		if left[c.first] {
			l.Retransmits++
			repeated[c.first.event] = true
			for _, s := range c.pieces {
				again[s.Packet] = true
			}
		}
		l.overtaken = l.overtaken || !left[c.first] && repeated[c.first.event]
		left[c.first] = true
	}
	return again
}
