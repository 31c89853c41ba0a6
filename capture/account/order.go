package account

import "net/netip"

// placeUnreadable finds the events of datagrams in which no frame can be read
// by their place: what one socket emits leaves in the order of emission, so
// datagrams between those of two events carry the events between, as long as
// they are as many. Where they are not, nobody can say which carried which,
// and the ledger says that. A rung sends in an order of its own.
func (l *Ledger) placeUnreadable(in *Input, list []crossing) {
	if in.Rung != nil {
		return
	}
	seen := map[ID]bool{}
	unreadable := 0
	for i := range list {
		for _, id := range list[i].events {
			seen[id] = true
		}
		if list[i].unreadable {
			unreadable++
		}
	}
	if unreadable == 0 {
		return
	}
	o := &emissionOrder{emissions: in.Emissions, at: make(map[ID]int, len(in.Emissions)), seen: seen}
	for i, e := range in.Emissions {
		o.at[e.ID] = i
	}
	flows := map[netip.AddrPort]*gap{}
	for i := range list {
		c := &list[i]
		g := flows[c.src]
		if g == nil {
			g = &gap{after: -1}
			flows[c.src] = g
		}
		if c.unreadable {
			g.datagrams = append(g.datagrams, c)
		}
		for _, id := range c.events {
			if at, ok := o.at[id]; ok {
				g.emits, g.origin = true, id.Origin
				l.close(g, o, at)
			}
		}
	}
	for _, g := range flows {
		if g.emits {
			l.close(g, o, len(in.Emissions))
		}
	}
}

// emissionOrder is the order in which events were emitted.
type emissionOrder struct {
	emissions []Emission
	at        map[ID]int
	seen      map[ID]bool // in a datagram that can be read
}

// gap is what a flow sent since an event that can be read.
type gap struct {
	after     int // that event's place, -1 before the first
	emits     bool
	origin    uint64 // of what it emits
	datagrams []*crossing
}

// close ends a gap at the event of a place.
func (l *Ledger) close(g *gap, o *emissionOrder, at int) {
	defer func() { g.after, g.datagrams = max(g.after, at), nil }()
	if len(g.datagrams) == 0 || at < g.after {
		return
	}
	var missing []ID
	for _, e := range o.emissions[g.after+1 : at] {
		if !e.Refused && !o.seen[e.ID] && e.ID.Origin == g.origin {
			missing = append(missing, e.ID)
		}
	}
	if len(missing) != len(g.datagrams) {
		l.doubt("%d datagrams left in which no frame can be read, and %d events are in none that can: which carried which is not known", len(g.datagrams), len(missing))
		return
	}
	for i, c := range g.datagrams {
		c.events = []ID{missing[i]}
	}
}
