package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rawlab/capture/dissect"
	"rawlab/labs/report"
)

// outline tells in a few lines where each layer is in an event's packets.
// Packets laid out alike share a line.
func (p *explainPrinter) outline(s *story) {
	alike := map[string][]string{}
	var order []string
	for _, n := range s.packets() {
		layout := s.layout(p.x.details[n])
		if alike[layout] == nil {
			order = append(order, layout)
		}
		alike[layout] = append(alike[layout], strconv.Itoa(n))
	}
	for _, layout := range order {
		p.wrapped("  layers  ", fmt.Sprintf("in packet %s: %s", strings.Join(alike[layout], ", "), layout))
	}
}

// layout names the layers of a packet with their bytes, and after them the
// layer of TCP/IP that they are.
func (s *story) layout(d *packetDetail) string {
	var text []string
	tcpip := ""
	end := func() {
		if tcpip != "" {
			text[len(text)-1] += glue + "(" + tcpip + ")"
		}
	}
	for _, l := range d.layers {
		if l.From == l.To || !s.owns(&l) {
			continue
		}
		if l.TCPIP != tcpip {
			end()
			tcpip = l.TCPIP
		}
		name := strings.TrimPrefix(l.Name, "rawlab ")
		if l.Of != nil && l.Of.Event() && l.OSI == 7 {
			name = "event" // emitted or delivered, its bytes are the same
		}
		text = append(text, fmt.Sprintf("%d %s %s", l.OSI, name, byteRange(l.From, l.To)))
	}
	end()
	return strings.ReplaceAll(strings.Join(text, ",\n"), " ", glue)
}

// owns reports whether a layer is not another event's.
func (s *story) owns(l *dissect.Layer) bool {
	return l.Of == nil || slices.ContainsFunc(s.frames, func(f sighting) bool {
		return f.Frame == l.Of || f.Fragments > 0 && f.Origin == l.Of.Origin && f.Sequence == l.Of.Sequence
	})
}

// packets returns the numbers of the packets that carried the event.
func (s *story) packets() []int {
	var numbers []int
	for _, f := range s.frames {
		for _, part := range f.Parts {
			numbers = append(numbers, part.Packet)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// packet writes all layers of a packet, from the event down to the signal, as
// textbooks draw them; of a story only its own frames.
func (p *explainPrinter) packet(d *packetDetail, s *story) {
	p.line("")
	title := fmt.Sprintf("packet %d", d.number)
	if len(p.x.interfaces) > 1 || p.x.interfaces[0].Name != "" {
		title += " · " + p.x.place(d.Interface)
	}
	if way := direction(&d.Packet); way != "" {
		title += " · " + way
	}
	title += fmt.Sprintf(" · %s · %s ", clockTime(d.Time), count(d.Length, "byte"))
	p.line("%s%s", p.bold(title), strings.Repeat("─", max(0, explainWidth-len([]rune(title)))))
	if d.Length > len(d.Data) {
		p.wrapped("  cut       ", fmt.Sprintf("the capture kept the first %s", count(len(d.Data), "byte")))
	}
	for _, c := range d.Comments {
		p.wrapped("  comment   ", printable(c))
	}
	if s != nil {
		p.company(d, s)
	}
	p.line("  OSI             TCP/IP       bytes")
	for i, l := range slices.Backward(d.layers) {
		if s != nil && !s.owns(&l) {
			continue
		}
		p.layer(&l)
		if i == 0 || l.Name != d.layers[i-1].Name || l.Meaning != d.layers[i-1].Meaning { // say it once
			p.wrapped(fieldIndent, l.Meaning)
		}
	}
	if p.hex {
		dump(&p.b, d.Data)
	}
}

// company tells of the other frames in an event's packet.
func (p *explainPrinter) company(d *packetDetail, s *story) {
	var others []string
	seen := map[*dissect.Frame]bool{}
	for _, c := range d.carried {
		if c.Frame == nil || seen[c.Frame] || s.owns(&dissect.Layer{Of: c.Frame}) {
			continue
		}
		seen[c.Frame] = true
		if len(others) == 4 {
			others = append(others, "…")
			break
		}
		others = append(others, fmt.Sprintf("%v %d:%d at %s", c.Frame.Kind, c.Frame.Origin, c.Frame.Sequence, byteRange(c.Part.From, c.Part.To)))
	}
	if len(others) > 0 {
		p.wrapped("  also here ", strings.Join(others, ", "))
	}
}

const (
	fieldIndent = "      "
	valueColumn = 25
	valueWidth  = 42
)

func (p *explainPrinter) layer(l *dissect.Layer) {
	name := l.Name
	if name == "none" {
		name = "nothing here"
	}
	own := l.To - l.From
	if own > 0 {
		name += fmt.Sprintf(" (%s", count(own, "byte"))
		if l.Overhead != own && l.Overhead > 0 {
			name += fmt.Sprintf(", %d overhead", l.Overhead)
		}
		name += ")"
	}
	p.line("  %s", strings.TrimRight(fmt.Sprintf("%d %-13s %-12s %-9s %s", l.OSI, l.OSIName, l.TCPIP, byteRange(l.From, l.To), name), " "))
	for _, f := range l.Fields {
		lines := strings.Split(strings.TrimRight(report.Wrap(f.Value, "", valueWidth), "\n"), "\n")
		for i, v := range lines {
			head, at := "", ""
			if i == 0 {
				head, at = f.Name, byteRange(f.From, f.To)
			}
			line := fmt.Sprintf("%-*s%-*s", valueColumn, fieldIndent+head, valueWidth, v)
			if at != "" {
				line += fmt.Sprintf(" %9s", at)
			}
			p.line("%s", strings.TrimRight(line, " "))
		}
	}
}
