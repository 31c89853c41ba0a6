package command

import (
	"fmt"
	"io"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
)

// waysOfEvent finds where the event's packets are; two runs in one file may
// have given its name to two.
func (f *explainFlags) waysOfEvent(file io.ReadSeeker) ([]*eventWay, error) {
	x, err := f.index(file)
	if err != nil {
		return nil, err
	}
	var ways []*eventWay
	for _, s := range x.shown {
		w := &eventWay{title: fmt.Sprintf("event %s over %v in ", s.name(), s.frames[0].Transport), own: map[int]int{}, ways: map[route]*eventSpan{}}
		for _, frame := range append(s.frames, s.answers...) {
			for _, part := range frame.Parts {
				w.own[part.Packet] = max(w.own[part.Packet], part.To)
			}
			if frame.Event() {
				w.span(frame.Frame)
			}
		}
		ways = append(ways, w)
	}
	return ways, nil
}

// span widens the time in which the event was on its way in a direction.
func (w *eventWay) span(f *dissect.Frame) {
	key := route{f.Src, f.Dst}
	s := w.ways[key]
	if s == nil {
		s = &eventSpan{from: f.First, until: f.Last}
		w.ways[key] = s
	}
	if f.First.Before(s.from) {
		s.from = f.First
	}
	if f.Last.After(s.until) {
		s.until = f.Last
	}
}

// eventWay is what is known of an event's way before the file is read again.
type eventWay struct {
	title string
	own   map[int]int // packets, and where in them the event ends
	ways  map[route]*eventSpan
}

// eventSpan is the event in one direction of one flow.
type eventSpan struct {
	from, until time.Time
	end         int64        // one past the event's last position
	confirmed   map[int]bool // by interface: it was acknowledged
}

func (w *eventWay) choose(p *seenPacket) choice {
	span, back := w.ways[route{p.headers.Src, p.headers.Dst}], w.ways[route{p.headers.Dst, p.headers.Src}]
	if to, own := w.own[p.number]; own {
		if span != nil && p.tcp {
			span.end = max(span.end, p.segment.Seq+int64(to-p.headers.PayloadStart))
		}
		return chooseShow
	}
	during := func(s *eventSpan) bool { return s != nil && !p.Time.Before(s.from) && !p.Time.After(s.until) }
	switch {
	case p.number == 0: // a look at a connection
		if during(span) || during(back) {
			return chooseShow
		}
		return chooseNot
	case during(span) && p.tcp && p.segment.Seq < span.end && (p.segment.Again != tcpflow.AgainNo || lostByFile(p)):
		return chooseShow
	case back != nil && p.tcp && back.end > 0 && p.segment.ACK && p.segment.Ack >= back.end && !back.confirmed[p.Interface]:
		if back.confirmed == nil {
			back.confirmed = map[int]bool{}
		}
		back.confirmed[p.Interface] = true
		return chooseShow
	case during(back) && p.tcp && p.segment.DuplicateAck == 3 && p.segment.Ack < back.end:
		return chooseShow
	case during(span), during(back):
		return chooseCount
	}
	return chooseNot
}

// lostByFile reports whether the file says that the packet came nowhere.
func lostByFile(p *seenPacket) bool {
	for _, c := range p.Comments {
		if endsOnWire(fateOf(c)) {
			return true
		}
	}
	return false
}
