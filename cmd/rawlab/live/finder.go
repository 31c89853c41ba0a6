package live

import (
	"slices"

	"rawlab/capture/dissect"
)

// Bounds of the assemblers, one for each interface. They are far below the
// defaults, which are for reading a file once and not for watching all day.
var finderOptions = dissect.Options{
	MaxFlows: 512, MaxAhead: 1 << 20, MaxHeld: 16 << 20, Remember: 64 << 10, Early: true,
}

// finder finds the frames of our protocol in packets, and remembers in which
// packets an event is.
type finder struct {
	taps   []*dissect.Assembler
	events map[eventKey][]*dissect.Frame
	gaps   gaps
}

type eventKey struct{ origin, sequence uint64 }

func newFinder() finder { return finder{events: make(map[eventKey][]*dissect.Frame)} }

// add returns the frames that a packet made whole.
func (x *finder) add(p *packet) []*dissect.Frame {
	for len(x.taps) <= p.Interface {
		x.taps = append(x.taps, nil)
	}
	if x.taps[p.Interface] == nil {
		o := finderOptions
		o.LinkType = p.link
		x.taps[p.Interface] = dissect.NewAssembler(&o)
	}
	tap := x.taps[p.Interface]
	tap.Add(p.number, p.Time, p.Data)
	found := tap.Frames()
	for _, f := range found {
		if !f.Event() || f.Err != nil {
			continue
		}
		key := eventKey{f.Origin, f.Sequence}
		x.events[key] = append(x.events[key], f)
		x.gaps.see(f.Origin, f.Sequence)
	}
	return found
}

// forget lets go of events whose packets are no longer kept.
func (x *finder) forget(events []*dissect.Frame) {
	for _, f := range events {
		key := eventKey{f.Origin, f.Sequence}
		left := slices.DeleteFunc(x.events[key], func(g *dissect.Frame) bool { return g == f })
		if len(left) == 0 {
			delete(x.events, key)
			continue
		}
		x.events[key] = left
	}
}

// packets returns the numbers of the packets that carried an event, those
// that carried it again too.
func (x *finder) packets(key eventKey) []int {
	var numbers []int
	for _, f := range x.events[key] {
		for _, p := range f.Parts {
			numbers = append(numbers, p.Packet)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// stats adds up what the assemblers met.
func (x *finder) stats() (unreadable, damaged int) {
	for _, tap := range x.taps {
		if tap != nil {
			s := tap.Stats()
			unreadable, damaged = unreadable+s.Unreadable, damaged+s.Damaged
		}
	}
	return unreadable, damaged
}
