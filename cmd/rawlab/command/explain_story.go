package command

import (
	"fmt"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// story is one event: everything in the file that carried it. Two runs in one
// file may have given the same identity twice; the emit time tells them apart.
type story struct {
	identity
	begins  spot // where its first frame does whose identity can be believed
	frames  []sighting
	answers []sighting // what confirmed or refused it
	tcp     []*eventTCP
}

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
