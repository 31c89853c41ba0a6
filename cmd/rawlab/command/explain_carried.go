package command

import (
	"fmt"
	"slices"
	"strings"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// carriedNames finds out which frames were in certain packets. It is told all
// packets of a file.
type carriedNames struct {
	wanted map[int]bool
	taps   []*dissect.Assembler
	found  map[int][]dissect.Carried
}

func newCarriedNames() *carriedNames {
	return &carriedNames{wanted: map[int]bool{}, found: map[int][]dissect.Carried{}}
}

// maxCarried bounds the frames that are named of one packet.
const maxCarried = 64

// gatherEvery is after how many packets the frames found so far are looked
// through, so that few are kept.
const gatherEvery = 1024

func (c *carriedNames) add(p *seenPacket) {
	for len(c.taps) <= p.Interface {
		c.taps = append(c.taps, nil)
	}
	if c.taps[p.Interface] == nil {
		c.taps[p.Interface] = dissect.NewAssembler(&dissect.Options{LinkType: p.link})
	}
	a := c.taps[p.Interface]
	a.Add(p.number, p.Time, p.Data)
	if p.number%gatherEvery == 0 {
		c.gather(a.Frames())
	}
}

func (c *carriedNames) gather(frames []*dissect.Frame) {
	for _, f := range frames {
		if f.Fragments > 0 {
			continue // the packets carry its fragment frames
		}
		for _, part := range f.Parts {
			if n := part.Packet; c.wanted[n] && len(c.found[n]) < maxCarried {
				c.found[n] = append(c.found[n], dissect.Carried{Frame: f, Part: part})
			}
		}
	}
}

// finish returns the frames by packet, in the order of their bytes.
func (c *carriedNames) finish() map[int][]dissect.Carried {
	for _, a := range c.taps {
		if a != nil {
			c.gather(a.Finish())
		}
	}
	for _, list := range c.found {
		slices.SortStableFunc(list, func(a, b dissect.Carried) int { return a.Part.From - b.Part.From })
	}
	return c.found
}

// nameFrames names a packet's frames; runs of events are shortened.
func nameFrames(list []dissect.Carried) []string {
	var names []string
	for i := 0; i < len(list); {
		f := list[i].Frame
		if !f.Kind.Valid() {
			names = append(names, "damaged frame")
			i++
			continue
		}
		end := i + 1
		for f.Event() && end < len(list) && follows(list[end-1].Frame, list[end].Frame) {
			end++
		}
		name := nameFrame(f)
		if last := list[end-1].Frame; last.Sequence > f.Sequence && f.Event() {
			name += fmt.Sprintf("–%d", last.Sequence)
		}
		if end == i+1 && list[i].Part.To-list[i].Part.From < f.Length {
			name += " in part"
		}
		names = append(names, name)
		i = end
	}
	if len(list) == maxCarried {
		names = append(names, "…")
	}
	return slices.Compact(names)
}

// follows reports whether an event is the next of the same origin and kind.
func follows(f, next *dissect.Frame) bool {
	return next.Kind == f.Kind && next.Origin == f.Origin && next.Sequence == f.Sequence+1
}

// nameFrame names a frame in a few words.
func nameFrame(f *dissect.Frame) string {
	switch {
	case f.Event():
		return fmt.Sprintf("%v %d:%d", f.Kind, f.Origin, f.Sequence)
	case f.Kind == framing.KindFragment:
		return fmt.Sprintf("piece of %d:%d", f.Origin, f.Sequence)
	case f.Kind == framing.KindAck && f.Flags&framing.FlagOffset == 0:
		return fmt.Sprintf("ack to %d:%d", f.Origin, f.Sequence)
	case f.Kind == framing.KindAck:
		return fmt.Sprintf("ack to offset %d", f.Offset)
	}
	return strings.ReplaceAll(f.Kind.String(), " ", "-")
}
