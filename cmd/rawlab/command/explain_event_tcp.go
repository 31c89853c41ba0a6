package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
	"rawlab/framing"
)

// eventTCP is what TCP did for an event on one leg of its way: to the server,
// or on to a subscriber.
type eventTCP struct {
	route
	kind     framing.Kind
	packets  map[int]bool  // that hold bytes of it
	segments []*ladderRung // the same by segment, in the order of time
	judged   bool          // it is known of each segment whether it arrived
	heard    bool          // the capture has the receiver's packets
	frame    *sighting     // as it came there; nil: it did not
}

// followTCP finds out what TCP did for the events that are shown.
func (x *captureIndex) followTCP() error {
	carried := map[int]bool{}
	for _, s := range x.shown {
		s.tcp = s.legs()
		for _, leg := range s.tcp {
			for n := range leg.packets {
				carried[n] = true
			}
		}
	}
	if len(carried) == 0 {
		return nil
	}
	places := map[int]tcpflow.Place{}
	l := ladder{limit: 2 * ladderBound, choose: func(p *seenPacket) choice {
		if !p.tcp || !carried[p.number] {
			return chooseNot
		}
		places[p.number] = p.segment.Tap
		return chooseShow
	}}
	if _, err := scanCapture(x.file, x.source, func(p *seenPacket) bool { l.add(p); return true }); err != nil {
		return err
	}
	l.finish()
	for _, s := range x.shown {
		for _, leg := range s.tcp {
			leg.take(s, &l, places)
		}
	}
	return nil
}

// legs lists the event's ways over TCP, in the order of the capture.
func (s *story) legs() (legs []*eventTCP) {
	for _, f := range s.frames {
		if f.Transport != dissect.TCP {
			continue
		}
		way := route{f.Src, f.Dst}
		at := slices.IndexFunc(legs, func(l *eventTCP) bool { return l.route == way && l.kind == f.Kind })
		if at < 0 {
			at = len(legs)
			legs = append(legs, &eventTCP{route: way, kind: f.Kind, packets: map[int]bool{}})
		}
		for _, part := range f.Parts {
			legs[at].packets[part.Packet] = true
		}
	}
	return legs
}

// take takes from a ladder what is of this leg.
func (e *eventTCP) take(s *story, l *ladder, places map[int]tcpflow.Place) {
	e.judged = l.on.met[e.route]
	for _, r := range l.rungs {
		if (route{r.src, r.dst}) == e.route && (e.packets[r.packet] || e.packets[r.comeAs]) {
			e.segments = append(e.segments, r)
			e.judged = e.judged || r.outgoing && r.fate != ""
		}
	}
	for n := range e.packets {
		e.heard = e.heard || places[n].Receives()
	}
	e.heard = e.heard || e.judged
	for i, f := range s.frames {
		if f.Kind == e.kind && (route{f.Src, f.Dst}) == e.route && f.Err == nil && places[f.Parts[0].Packet].Receives() && e.frame == nil {
			e.frame = &s.frames[i]
		}
	}
}

// lost are the segments that did not arrive.
func (e *eventTCP) lost() (list []*ladderRung) {
	for _, r := range e.segments {
		if r.lost {
			list = append(list, r)
		}
	}
	return list
}

// again are the segments that were sent again, as their sender's tap tells.
func (e *eventTCP) again() (list []*ladderRung) {
	for _, r := range e.segments {
		if r.segment != nil && r.segment.Again != tcpflow.AgainNo {
			list = append(list, r)
		}
	}
	return list
}

// tcp writes what TCP did for an event.
func (p *explainPrinter) tcp(s *story) {
	for _, e := range s.tcp {
		p.wrapped("  tcp   ", fmt.Sprintf("%v %v > %v:", e.kind, e.src, e.dst))
		for _, text := range []string{e.carriedText(), e.againText(), e.arrivalText(s)} {
			p.wrapped("    ", text)
		}
	}
}

// carriedText tells which segments carried the event, and which were lost.
func (e *eventTCP) carriedText() string {
	text := count(len(e.segments), "segment") + " carried it"
	switch lost := e.lost(); {
	case !e.judged:
		text += "; whether any was lost, one tap alone cannot tell"
	case len(lost) == 0:
		text += ", none was lost"
	default:
		text += fmt.Sprintf(", %d lost: %s", len(lost), packetList(lost, func(r *ladderRung) string { return r.fate }))
	}
	return text
}

func (e *eventTCP) againText() string {
	again := e.again()
	if len(again) == 0 {
		return "none was sent again"
	}
	return fmt.Sprintf("%d sent again: %s", len(again), packetList(again, func(r *ladderRung) string {
		return strings.TrimPrefix(againWords(r.segment.Again, r.segment.Since), "sent again: ")
	}))
}

// arrivalText tells when the event had come, and what it waited for.
func (e *eventTCP) arrivalText(s *story) string {
	switch {
	case e.frame == nil && !e.heard:
		return "when it was complete, only a tap at its receiver could tell"
	case e.frame == nil:
		return "it was never complete at its receiver"
	}
	text := fmt.Sprintf("complete at %s", s.since(e.came()))
	if e.frame.Waited == 0 {
		return text + ", with all that precedes it: no head-of-line blocking"
	}
	return fmt.Sprintf("%s, then it waited %s until %s behind bytes of others that came later (head-of-line blocking)",
		text, shortTime(e.frame.Waited), s.since(e.frame.Last))
}

// came is when all bytes of the event had come, though others before them had
// not.
func (e *eventTCP) came() time.Time { return e.frame.Last.Add(-e.frame.Waited) }

// packetsListed is how many packets are named in a line.
const packetsListed = 8

// packetList names packets, each with what is to be said of it.
func packetList(rungs []*ladderRung, say func(*ladderRung) string) string {
	var list []string
	for i, r := range rungs {
		if i == packetsListed {
			list = append(list, fmt.Sprintf("… %d more", len(rungs)-i))
			break
		}
		list = append(list, fmt.Sprintf("packet %d (%s)", r.packet, say(r)))
	}
	return strings.Join(list, ", ")
}

// eventTCPJSON is an [eventTCP] for programs.
type eventTCPJSON struct {
	Kind     string        `json:"kind"`
	Source   string        `json:"src"`
	Target   string        `json:"dst"`
	Segments int           `json:"segments"`
	Lost     *int          `json:"lost"` // null: one tap alone cannot tell
	LostAs   []int         `json:"lost_packets"`
	Again    []resentJSON  `json:"sent_again"`
	Complete *completeJSON `json:"complete"` // null: not at its receiver, or there is no tap
}

type resentJSON struct {
	Packet  int     `json:"packet"`
	Reason  string  `json:"reason"`
	AfterUS float64 `json:"after_us"`
}

type completeJSON struct {
	Time     string  `json:"time"`
	WaitedUS float64 `json:"waited_us"` // behind bytes of others that came later
}

func (e *eventTCP) json() eventTCPJSON {
	j := eventTCPJSON{
		Kind: e.kind.String(), Source: e.src.String(), Target: e.dst.String(), Segments: len(e.segments), LostAs: []int{}, Again: []resentJSON{},
	}
	if lost := e.lost(); e.judged {
		n := len(lost)
		j.Lost = &n
		for _, r := range lost {
			j.LostAs = append(j.LostAs, r.packet)
		}
	}
	for _, r := range e.again() {
		j.Again = append(j.Again, resentJSON{r.packet, r.segment.Again.String(), microseconds(r.segment.Since)})
	}
	if f := e.frame; f != nil {
		j.Complete = &completeJSON{e.came().UTC().Format(time.RFC3339Nano), microseconds(f.Waited)}
	}
	return j
}
