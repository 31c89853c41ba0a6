package labs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
	"rawlab/labs/report"
)

// lineHole is a hole in one direction of a TCP connection, as far as events
// had to wait behind it.
type lineHole struct {
	leg     int
	blocker account.ID   // the event whose bytes were missing
	left    []departure  // every time that they left
	filled  time.Time    // when they came
	waiters []lineWaiter // in the order of the stream
}

// departure is one packet with the missing bytes.
type departure struct {
	time  time.Time
	lost  bool
	again tcpflow.Again
}

// lineWaiter is an event that had come whole and waited.
type lineWaiter struct {
	id     account.ID
	came   time.Time
	waited time.Duration
}

// findHoles reads both ends' captures of a TCP run; the first hole is the
// earliest.
func findHoles(e *report.Evidence, rec *Recording) []lineHole {
	var holes []lineHole
	for leg, ends := range [2][2]int{account.ToServer: {account.Client, account.Server}, account.ToSubscriber: {account.Server, account.Client}} {
		found := holesAt(leg, eventFrames(&e.Taps[ends[1]], false))
		if len(found) == 0 {
			continue
		}
		sent := eventFrames(&e.Taps[ends[0]], true)
		why := whySentAgain(&e.Taps[ends[0]])
		for i := range found {
			found[i].findDepartures(sent, &e.Taps[ends[0]], lostPackets(e.Ledger.Joined[leg], &rec.Wire[leg]), why)
		}
		holes = append(holes, found...)
	}
	slices.SortFunc(holes, func(a, b lineHole) int { return a.filled.Compare(b.filled) })
	return holes
}

// eventFrames are the frames with events in what left a host, or came to it.
func eventFrames(tap *account.Tap, outgoing bool) []*dissect.Frame {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet, Ports: []uint16{serverPort}})
	for i, p := range tap.Packets {
		if p.Outgoing == outgoing {
			a.Add(i, p.Time, p.Data)
		}
	}
	return slices.DeleteFunc(a.Finish(), func(f *dissect.Frame) bool { return !f.Event() || f.Err != nil })
}

// holesAt groups the events that waited at a leg's end by what ended it: the
// packet that brought the missing bytes, and with them an event that had not
// come whole before.
func holesAt(leg int, came []*dissect.Frame) []lineHole {
	type end struct {
		src, dst netip.AddrPort
		at       int64
	}
	holes := map[end]*lineHole{}
	for _, f := range came {
		if f.Waited == 0 {
			continue
		}
		key := end{f.Src, f.Dst, f.Last.UnixNano()}
		h := holes[key]
		if h == nil {
			h = &lineHole{leg: leg, filled: f.Last}
			holes[key] = h
		}
		h.waiters = append(h.waiters, lineWaiter{account.ID{Origin: f.Origin, Sequence: f.Sequence}, f.Last.Add(-f.Waited), f.Waited})
	}
	var list []lineHole
	for key, h := range holes {
		slices.SortFunc(h.waiters, func(a, b lineWaiter) int { return cmp.Compare(a.id.Sequence, b.id.Sequence) })
		for _, f := range came {
			if f.Waited == 0 && f.Src == key.src && f.Dst == key.dst && f.Last.Equal(h.filled) && f.Sequence < h.waiters[0].id.Sequence {
				h.blocker = account.ID{Origin: f.Origin, Sequence: f.Sequence}
			}
		}
		if h.blocker.Sequence > 0 {
			list = append(list, *h)
		}
	}
	return list
}

// findDepartures finds every packet that carried the missing event.
func (h *lineHole) findDepartures(sent []*dissect.Frame, tap *account.Tap, lost map[int]bool, why map[int]tcpflow.Again) {
	for _, f := range sent {
		if f.Origin != h.blocker.Origin || f.Sequence != h.blocker.Sequence {
			continue
		}
		for i, p := range f.Parts {
			if i > 0 && f.Parts[i-1].Packet == p.Packet || tap.Packets[p.Packet].Time.After(h.filled) {
				continue
			}
			h.left = append(h.left, departure{tap.Packets[p.Packet].Time, lost[p.Packet], why[p.Packet]})
		}
	}
}

// lostPackets are those that left a host and that the wire took.
func lostPackets(j *account.Joined, w *account.Wire) map[int]bool {
	lost := map[int]bool{}
	for _, s := range j.Sightings {
		lost[s.Packet] = s.Passage >= 0 && w.Passages[s.Passage].Fate == account.PacketLost
	}
	return lost
}

// whySentAgain tells of a host's packets why they left again.
func whySentAgain(tap *account.Tap) map[int]tcpflow.Again {
	why := map[int]tcpflow.Again{}
	followTCP(tap, func(s *tcpflow.Segment) {
		if s.Again != tcpflow.AgainNo {
			why[s.Packet] = s.Again
		}
	})
	return why
}

// followTCP follows the connections of a tap, and tells each of every segment.
func followTCP(tap *account.Tap, each func(*tcpflow.Segment)) []tcpflow.Flow {
	a, parser := tcpflow.NewAnalyzer(nil), dissect.NewParser(dissect.LinkEthernet)
	for i := range tap.Packets {
		p := &tap.Packets[i]
		h, err := parser.Parse(p.Data)
		if err != nil {
			continue
		}
		way := tcpflow.In
		if p.Outgoing {
			way = tcpflow.Out
		}
		if s, ok := a.Add(i, p.Time, way, &h, p.Data); ok {
			each(&s)
		}
	}
	return a.Flows()
}

// way says where the hole was.
func (h *lineHole) way() string {
	if h.leg == account.ToSubscriber {
		return "back, to the subscriber"
	}
	return "there, to the server"
}

// end is the host at which events waited.
func (h *lineHole) end() string {
	if h.leg == account.ToSubscriber {
		return "the subscriber's host"
	}
	return "the server's host"
}

// shownWaiters is how many the table shows.
const shownWaiters = 12

// table draws the hole: who came when, and how long it waited.
func (h *lineHole) table() string {
	start := h.filled
	if len(h.left) > 0 {
		start = h.left[0].time
	}
	var lines []timeLine
	for i, d := range h.left {
		text := "leaves"
		if i > 0 {
			text = "leaves again" + d.because()
		}
		if d.lost {
			text += ", and the wire takes it"
		}
		lines = append(lines, timeLine{d.time, fmt.Sprintf("event %s %s", says(h.blocker), text)})
	}
	const most = 30 // characters of a bar
	longest := longestWait([]lineHole{*h})
	for _, w := range h.waiters[:min(len(h.waiters), shownWaiters)] {
		lines = append(lines, timeLine{w.came, fmt.Sprintf("event %-7s comes, waits %9s %s", says(w.id), milliseconds(w.waited), strings.Repeat("█", int(most*w.waited/max(longest, 1))))})
	}
	if more := len(h.waiters) - shownWaiters; more > 0 {
		lines = append(lines, timeLine{h.waiters[shownWaiters].came, fmt.Sprintf("and %s more", report.Count(more))})
	}
	lines = append(lines, timeLine{h.filled, fmt.Sprintf("event %s comes, and all of them go on to the application", says(h.blocker))})
	return fmt.Sprintf("the first hole in TCP's stream, on the way %s\n", h.way()) + timeTable(start, lines)
}

// because says why a packet left again.
func (d *departure) because() string {
	switch d.again {
	case tcpflow.AgainFast:
		return ": what was sent later has come"
	case tcpflow.AgainTimeout, tcpflow.AgainAfterTimeout:
		return ": the timer has expired"
	case tcpflow.AgainProbe:
		return ": nothing was heard for long (a probe)"
	}
	return ""
}

// story tells of the hole.
func (h *lineHole) story() string {
	if len(h.left) == 0 {
		return ""
	}
	first, last := h.left[0], h.left[len(h.left)-1]
	text := fmt.Sprintf("On the way %s, the wire took a segment with event %s. ", h.way(), says(h.blocker))
	if len(h.waiters) == 1 {
		text += fmt.Sprintf("Event %s came behind it, whole, and %s kept it", says(h.waiters[0].id), h.end())
	} else {
		text += fmt.Sprintf("%s came behind it, whole, and %s kept them", count(len(h.waiters), "event"), h.end())
	}
	text += " from the application: a stream has no gaps."
	if len(h.left) > 1 {
		text += fmt.Sprintf(" Event %s left again %s after the first time%s, and was there after %s.",
			says(h.blocker), milliseconds(last.time.Sub(first.time)), strings.Replace(last.because(), ": ", ", because ", 1), milliseconds(h.filled.Sub(first.time)))
	}
	longest := slices.MaxFunc(h.waiters, func(a, b lineWaiter) int { return cmp.Compare(a.waited, b.waited) })
	return text + fmt.Sprintf(" Who had waited longest, event %s, had waited %s.", says(longest.id), milliseconds(longest.waited))
}
