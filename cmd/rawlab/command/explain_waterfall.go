package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/labs/report"
)

// waterfall is an event's packets, layer by layer.
type waterfall struct {
	s       *story
	packets []waterfallPacket
	ways    []waterfallWay
}

// waterfallPacket is one packet: its layers follow each other in bytes.
type waterfallPacket struct {
	*packetDetail
	steps   []waterfallStep
	payload int // bytes of the event's own
}

// waterfallStep is one layer's bytes. Those that belong to no frame serve all
// that the packet carries.
type waterfallStep struct {
	name     string
	osi      int
	tcpip    string
	from, to int
	owner    stepOwner
	overhead int // of the bytes, those that are not the user's
}

type stepOwner uint8

const (
	ownedByAll stepOwner = iota
	ownedByEvent
	ownedByOthers
)

func (o stepOwner) String() string { return [...]string{"packet", "event", "other frames"}[o] }

// waterfallWay sums up one frame's crossing from a host to another.
type waterfallWay struct {
	way
	iface   int
	packets int
	payload int     // of the event, once
	bytes   float64 // charged to the event: its frame's, and its part of what serves all
}

// overhead is the share of bytes that are not payload, in percent.
func (w *waterfallWay) overhead() float64 { return overheadPercent(float64(w.payload), w.bytes) }

func overheadPercent(payload, all float64) float64 {
	if all <= 0 {
		return 0
	}
	return 100 * (1 - min(payload/all, 1))
}

func (x *captureIndex) waterfall(s *story) *waterfall {
	w := &waterfall{s: s}
	at := map[int]int{}
	for _, n := range s.packets() {
		at[n] = len(w.packets)
		w.packets = append(w.packets, s.steps(x.details[n]))
	}
	left := x.leavings(s)
	for _, f := range s.sorted() {
		if !left[f.way()][f.iface] {
			continue
		}
		i := len(w.ways) - 1
		if i < 0 || w.ways[i].way != f.way() || w.ways[i].iface != f.iface {
			i++
			w.ways = append(w.ways, waterfallWay{way: f.way(), iface: f.iface, payload: f.PayloadLength})
		}
		for _, n := range packetsOf(f.Frame) {
			w.ways[i].packets++
			w.ways[i].bytes += w.packets[at[n]].charged()
		}
	}
	return w
}

// leavings tells at which interface a frame's packets are to be counted: where
// they left, or for want of that at the first that saw them.
func (x *captureIndex) leavings(s *story) map[way]map[int]bool {
	chosen := map[way]map[int]bool{}
	for _, f := range s.frames {
		if p := &x.details[f.Parts[0].Packet].Packet; p.Flags&pcapng.FlagDirection == pcapng.FlagOutbound {
			chosen[f.way()] = map[int]bool{f.iface: true}
		}
	}
	for _, f := range s.frames {
		if chosen[f.way()] == nil {
			chosen[f.way()] = map[int]bool{f.iface: true}
		}
	}
	return chosen
}

// packetsOf lists the packets of a frame, each once.
func packetsOf(f *dissect.Frame) []int {
	var numbers []int
	seen := map[int]bool{}
	for _, p := range f.Parts {
		if !seen[p.Packet] {
			seen[p.Packet] = true
			numbers = append(numbers, p.Packet)
		}
	}
	return numbers
}

// steps takes a packet's layers as the event sees them, in the order of their
// bytes.
func (s *story) steps(d *packetDetail) waterfallPacket {
	w := waterfallPacket{packetDetail: d}
	layers := slices.Clone(d.layers)
	slices.SortStableFunc(layers, func(a, b dissect.Layer) int { return cmp.Compare(a.From, b.From) })
	for i := range layers {
		if l := &layers[i]; l.From < l.To {
			w.reach(l.From)
			w.add(s.step(l))
		}
	}
	w.reach(len(d.Data))
	for _, step := range w.steps {
		if step.owner == ownedByEvent && step.osi == osiApplication {
			w.payload += step.to - step.from - step.overhead
		}
	}
	return w
}

const (
	osiLink         = 2
	osiPresentation = 6
	osiApplication  = 7
)

// step is one layer's.
func (s *story) step(l *dissect.Layer) waterfallStep {
	step := waterfallStep{name: strings.TrimPrefix(l.Name, "rawlab "), osi: l.OSI, tcpip: l.TCPIP, from: l.From, to: l.To, overhead: min(l.Overhead, l.To-l.From)}
	switch {
	case l.Of == nil:
	case !s.owns(l):
		step.owner = ownedByOthers
	default:
		step.owner = ownedByEvent
		if l.Of.Event() && l.OSI == osiApplication {
			step.name = "event"
		}
	}
	return step
}

// reach accounts for the bytes that no layer calls its own: a frame's
// checksum, or what fills up an Ethernet frame.
func (w *waterfallPacket) reach(to int) {
	if len(w.steps) == 0 {
		return
	}
	last := &w.steps[len(w.steps)-1]
	if last.to >= to {
		return
	}
	step := waterfallStep{name: "padding", osi: osiLink, tcpip: "link", from: last.to, to: to, overhead: to - last.to, owner: last.owner}
	if last.owner != ownedByAll {
		step.name, step.osi, step.tcpip = "checksum", osiPresentation, "application"
	}
	w.add(step)
}

// add appends a step; those of other frames are one.
func (w *waterfallPacket) add(step waterfallStep) {
	if step.owner == ownedByOthers {
		step.name, step.osi, step.tcpip = "other frames", osiApplication, "application"
		if n := len(w.steps); n > 0 && w.steps[n-1].owner == ownedByOthers {
			w.steps[n-1].to = step.to
			w.steps[n-1].overhead += step.overhead
			return
		}
	}
	w.steps = append(w.steps, step)
}

// charged is how many of a packet's bytes are there for the event: its own,
// and of what serves all frames its part by their bytes.
func (w *waterfallPacket) charged() float64 {
	var by [3]float64
	for _, step := range w.steps {
		by[step.owner] += float64(step.to - step.from)
	}
	if frames := by[ownedByEvent] + by[ownedByOthers]; frames > 0 {
		return by[ownedByEvent] + by[ownedByAll]*by[ownedByEvent]/frames
	}
	return by[ownedByAll]
}

// Columns of a waterfall.
const (
	fallName = 26
	fallBar  = explainWidth - fallName - 9
)

// waterfall writes an event's packets, each layer where the one before ends.
func (p *explainPrinter) waterfall(w *waterfall) error {
	f := w.s.whole()
	p.line("")
	p.wrapped("", fmt.Sprintf("event %s, topic %q, %s of payload", w.s.name(), f.Topic, count(f.PayloadLength, "byte")))
	for i := range w.ways {
		y := &w.ways[i]
		p.wrapped("  ", fmt.Sprintf("%-5v %v %v > %v: %s, %s bytes of them for this event: %.1f"+glue+"%% overhead", y.kind, y.transport, y.src, y.dst,
			count(y.packets, "packet"), report.Count(int(y.bytes+0.5)), y.overhead()))
	}
	for i := range w.packets {
		d := &w.packets[i]
		size := len(d.Data)
		p.line("")
		var title strings.Builder
		title.WriteString(fmt.Sprintf("packet %d%s", d.number, p.x.tap(&d.Packet)))
		for _, c := range d.Comments {
			title.WriteString(" · " + printable(fateOf(c)))
		}
		p.wrapped("", strings.Join(strings.Fields(title.String()), " ")+fmt.Sprintf(" · %s, %.1f"+glue+"%% not this event's payload",
			count(size, "byte"), overheadPercent(float64(d.payload), float64(size))))
		for _, step := range d.steps {
			from, to := step.from*fallBar/size, step.to*fallBar/size
			bar := strings.Repeat("█", max(to-from, 1))
			if step.owner == ownedByOthers {
				bar = strings.Repeat("░", max(to-from, 1))
			}
			p.line("  %d %-*s%6s %s%s", step.osi, fallName-4, step.name, report.Count(step.to-step.from), strings.Repeat(" ", min(from, fallBar-1)), bar)
		}
	}
	return p.flush()
}
