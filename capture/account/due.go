package account

import (
	"cmp"
	"iter"
	"net/netip"
)

// lines finds an event's first line; the others follow it.
type lines map[ID]int

// due lists an event's lines that a crossing of a leg is about: all on the way
// to the server, one subscriber's on the way back.
func (l *Ledger) due(index lines, id ID, number int, to uint64) []Event {
	from, ok := index[id]
	if !ok {
		return nil
	}
	end := from
	for end < len(l.Events) && l.Events[end].ID == id {
		if number == ToSubscriber && l.Events[end].To == to {
			return l.Events[end : end+1]
		}
		end++
	}
	if number == ToSubscriber {
		return nil
	}
	return l.Events[from:end]
}

// each yields what can be lost on a leg, with its place: every event once on
// the way to the server, every line on the way back.
func (l *Ledger) each(number int) iter.Seq2[int, *Event] {
	return func(yield func(int, *Event) bool) {
		for i := range l.Events {
			if number == ToServer && i > 0 && l.Events[i-1].ID == l.Events[i].ID {
				continue
			}
			if !yield(i, &l.Events[i]) {
				return
			}
		}
	}
}

func compareLines(a, b Event) int {
	return cmp.Or(compareID(a.ID, b.ID), cmp.Compare(a.To, b.To))
}

// sharing tells whether some of several subscribers are on one host, behind
// one wire.
func (in *Input) sharing() bool {
	seen := map[netip.Addr]bool{}
	for at := range in.Subscribers {
		seen[at.Addr()] = true
	}
	return len(seen) < len(in.Subscribers)
}
