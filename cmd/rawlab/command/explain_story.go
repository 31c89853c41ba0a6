package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// story is one event: everything in the file that carried it. Two runs in one
// file may have given the same identity twice; the emit time tells them apart.
type story struct {
	origin, sequence, emitted uint64
	frames                    []sighting
	answers                   []sighting // what confirmed or refused it
}

type storyKey struct{ origin, sequence, emitted uint64 }

// whole returns a frame of the story that was read without error, if any was.
func (s *story) whole() sighting {
	for _, f := range s.frames {
		if f.Err == nil {
			return f
		}
	}
	return s.frames[0]
}

func (s *story) name() string { return fmt.Sprintf("%d:%d", s.origin, s.sequence) }

// find returns all stories of an identity.
func (x *captureIndex) find(origin, sequence uint64) []*story {
	var found []*story
	for _, s := range x.stories {
		if s.origin == origin && s.sequence == sequence {
			found = append(found, s)
		}
	}
	return found
}

// present tells which events there are.
func (x *captureIndex) present() string {
	if len(x.stories) == 0 {
		return "there is no event of rawlab in it"
	}
	type spread struct {
		low, high uint64
		count     int
	}
	origins := map[uint64]*spread{}
	var order []uint64
	for _, s := range x.stories {
		o := origins[s.origin]
		if o == nil {
			o = &spread{low: s.sequence}
			origins[s.origin] = o
			order = append(order, s.origin)
		}
		o.low, o.high = min(o.low, s.sequence), max(o.high, s.sequence)
		o.count++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "it holds %s", count(len(x.stories), "event"))
	for i, origin := range order {
		if i == 8 {
			fmt.Fprintf(&b, ", and %d more origins", len(order)-i)
			break
		}
		o := origins[origin]
		fmt.Fprintf(&b, ", %d:%d", origin, o.low)
		if o.high > o.low {
			fmt.Fprintf(&b, " to %d:%d", origin, o.high)
		}
	}
	return b.String()
}

// answersWithin is how many acks and nacks behind an event are looked at, so
// that explaining all of a large file takes time in proportion to its size.
const answersWithin = 4096

// listen finds the first answer to the event at each interface: an ack
// confirms all up to its sequence, or up to its offset in the topic's log; a
// nack names it.
func (x *captureIndex) listen(s *story) {
	from := s.frames[0].Parts[0].Packet
	i, _ := slices.BinarySearchFunc(x.replies, from, func(f sighting, n int) int { return cmp.Compare(f.Parts[0].Packet, n) })
	type question struct {
		iface int
		kind  framing.Kind
		by    framing.Flags
	}
	heard := map[question]bool{}
	for _, f := range x.replies[i:min(len(x.replies), i+answersWithin)] {
		q := question{f.iface, f.Kind, f.Flags & framing.FlagOffset}
		if !heard[q] && s.answeredBy(f.Frame) {
			heard[q] = true
			s.answers = append(s.answers, f)
		}
	}
}

// answeredBy reports whether a later frame confirms or refuses the event. An
// answer comes from where the event went.
func (s *story) answeredBy(f *dissect.Frame) bool {
	for _, e := range s.frames {
		if e.Src != f.Dst || e.Dst != f.Src || e.Transport != f.Transport || f.Last.Before(e.First) {
			continue
		}
		switch {
		case f.Kind == framing.KindAck && f.Flags&framing.FlagOffset != 0:
			if e.Kind == framing.KindEvent && e.Flags&framing.FlagOffset != 0 && e.Topic == f.Topic && f.Offset >= e.Offset {
				return true
			}
		case f.Kind == framing.KindAck:
			if e.Kind == framing.KindEmit && f.Origin == s.origin && f.Sequence >= s.sequence {
				return true
			}
		case f.Kind == framing.KindNack && f.Origin == s.origin:
			for from, to := range f.Named.All() {
				if from <= s.sequence && s.sequence < to {
					return true
				}
			}
		}
	}
	return false
}
