package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// identity is what tells an event from others. Two runs in one file may have
// given the same origin and sequence twice; the emit time tells them apart.
type identity struct{ origin, sequence, emitted uint64 }

func (a identity) compare(b identity) int {
	return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.emitted, b.emitted))
}

func (f sighting) identity() identity { return identity{f.Origin, f.Sequence, f.Time} }

// identities is a set of them, in 24 to 48 bytes each.
type identities struct {
	list   []identity
	sorted int // of list, these are sorted and there once
}

// fewIdentities is how many are added before doubles are first looked for.
const fewIdentities = 1 << 14

func (s *identities) add(id identity) {
	if n := len(s.list); n > 0 && s.list[n-1] == id {
		return // as when the same packet passes the next interface
	}
	if len(s.list) == cap(s.list) && len(s.list) >= max(fewIdentities, 2*s.sorted) {
		s.settle()
	}
	s.list = append(s.list, id)
}

// settle sorts the list and drops doubles.
func (s *identities) settle() {
	if s.sorted == len(s.list) {
		return
	}
	slices.SortFunc(s.list, identity.compare)
	s.list = slices.Compact(s.list)
	s.sorted = len(s.list)
}

func (s *identities) count() int {
	s.settle()
	return s.sorted
}

// present tells which events there are.
func (x *captureIndex) present() string {
	total := x.events.count()
	if total == 0 {
		return "there is no event of rawlab in it"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "it holds %s", count(total, "event"))
	origins := 0
	for rest := x.events.list; len(rest) > 0; origins++ {
		n, _ := slices.BinarySearchFunc(rest, rest[0].origin, func(id identity, origin uint64) int {
			if id.origin > origin {
				return 1
			}
			return -1
		})
		if low, high := rest[0], rest[n-1]; origins < 8 {
			fmt.Fprintf(&b, ", %d:%d", low.origin, low.sequence)
			if high.sequence > low.sequence {
				fmt.Fprintf(&b, " to %d:%d", high.origin, high.sequence)
			}
		}
		rest = rest[n:]
	}
	if origins > 8 {
		fmt.Fprintf(&b, ", and %d more origins", origins-8)
	}
	return b.String()
}

// firstStories finds the events whose frames come first in a file, though the
// frames come in no order.
type firstStories struct {
	limit int       // 0 means all
	only  *identity // not nil: all events of this origin and sequence instead
	known map[identity]*story
	last  *story // of those known
}

// offer takes a frame of an event.
func (s *firstStories) offer(f sighting) {
	if s.only != nil && (f.Origin != s.only.origin || f.Sequence != s.only.sequence) {
		return
	}
	id, begins := f.identity(), f.begins()
	if k := s.known[id]; k != nil {
		if begins.compare(k.begins) < 0 {
			k.begins = begins
			s.last = nil
		}
		return
	}
	full := s.only == nil && s.limit > 0 && len(s.known) >= s.limit
	if full && s.last == nil {
		for _, k := range s.known {
			if s.last == nil || k.begins.compare(s.last.begins) > 0 {
				s.last = k
			}
		}
	}
	if full && begins.compare(s.last.begins) >= 0 {
		return
	}
	if full {
		delete(s.known, s.last.identity)
		s.last = nil
	}
	if s.known == nil {
		s.known = map[identity]*story{}
	}
	s.known[id] = &story{identity: id, begins: begins}
}

// sorted returns the stories in the order of their first frames.
func (s *firstStories) sorted() []*story {
	var all []*story
	for _, k := range s.known {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *story) int { return a.begins.compare(b.begins) })
	return all
}

// spot is where in a file a frame begins.
type spot struct{ packet, from int }

func (a spot) compare(b spot) int {
	return cmp.Or(cmp.Compare(a.packet, b.packet), cmp.Compare(a.from, b.from))
}

func (f sighting) begins() spot { return spot{f.Parts[0].Packet, f.Parts[0].From} }
