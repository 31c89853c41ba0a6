package dissect

import (
	"time"

	"rawlab/framing"
)

// Refusal is an ICMP error about a packet that carried events of ours.
type Refusal struct {
	Packet   int // as told to [Assembler.Add]
	Time     time.Time
	Kind     string // the error's type and code, in words
	From, To int    // where in the packet it quotes the other
	Events   []EventName
}

// EventName is an event's identity.
type EventName struct{ Origin, Sequence uint64 }

// Bounds of what is kept of errors until the caller takes them: 128 bytes for
// each, and 16 for each event that it is about.
const (
	maxRefusals = 1 << 16
	maxRefused  = 1 << 18
)

// Refusals returns the ICMP errors about events since the last call. For want
// of room there may be fewer: [Stats.Untold] counts the others.
func (a *Assembler) Refusals() []Refusal {
	r := a.refusals
	a.refusals, a.refused = nil, 0
	return r
}

// addRefusal notes an error. Of a quoted segment that does not begin with a
// frame, the stream that it is of tells which frames were in it.
func (a *Assembler) addRefusal(packet int, t time.Time, data []byte) {
	for _, l := range Dissect(data, a.o.LinkType) {
		q := l.Quote
		if q == nil {
			continue
		}
		var events []EventName
		for i := range q.Frames {
			events = q.Frames[i].nameTo(events)
		}
		if len(q.Frames) == 0 && q.Protocol == TCP {
			events = a.carriedIn(&q.Headers)
		}
		switch {
		case len(events) == 0:
		case len(a.refusals) >= maxRefusals || a.refused+len(events) > maxRefused:
			a.stats.Untold++
		default:
			a.refusals = append(a.refusals, Refusal{packet, t, l.Fields[0].Value, q.From, q.To, events})
			a.refused += len(events)
		}
		return
	}
}

// nameTo appends the event that the frame carries, or a piece of.
func (f *Frame) nameTo(names []EventName) []EventName {
	if !f.Event() && f.Kind != framing.KindFragment {
		return names
	}
	return append(names, EventName{f.Origin, f.Sequence})
}

// carriedIn returns the events in finished frames of a stream that a segment
// carried a part of.
func (a *Assembler) carriedIn(h *Headers) (names []EventName) {
	key, d := flowKey{TCP, h.Src, h.Dst}, 0
	if h.Dst.Compare(h.Src) < 0 {
		key.low, key.high, d = h.Dst, h.Src, 1
	}
	f := a.flows[key]
	if f == nil || f.ours != oursYes || !f.dir[d].started {
		return nil
	}
	s := &f.dir[d]
	from := s.position(h.Seq)
	to := from + int64(h.PayloadLength)
	for i := range s.recent {
		if p := &s.recent[i]; p.frame != nil && p.from < to && p.to > from {
			names = p.frame.nameTo(names)
		}
	}
	return names
}
