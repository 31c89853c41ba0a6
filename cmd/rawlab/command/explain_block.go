package command

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/framing"
	"rawlab/labs/report"
)

// block tells which packets carried an event.
func (p *explainPrinter) block(s *story) {
	f := s.whole()
	p.line("")
	text := fmt.Sprintf("topic %q, %s", f.Topic, count(f.PayloadLength, "byte"))
	if s.emitted > 0 {
		text += ", emitted " + clockTime(time.Unix(0, int64(s.emitted)))
	}
	name := "event " + s.name()
	wrapped := strings.TrimRight(report.Wrap(name+", "+text, "", explainWidth), "\n")
	p.line("%s%s", p.bold(name), strings.TrimPrefix(wrapped, name))
	var last sighting
	type place struct {
		way
		iface int
	}
	seen := map[place]bool{}
	for i, f := range s.sorted() {
		if i == 0 || f.way() != last.way() {
			p.line("  %-5v %v %v > %v, frame of %s", f.Kind, f.Transport, f.Src, f.Dst, count(f.Length, "byte"))
		}
		last = f
		at := place{f.way(), f.iface}
		p.parts(s, f, seen[at])
		seen[at] = true
	}
	if p.x.delivers && !slices.ContainsFunc(s.frames, func(f sighting) bool { return f.Kind == framing.KindEvent }) {
		p.line("  event in no packet: it goes on to no subscriber in this capture")
	}
	p.tcp(s)
	p.refusals(s)
	said := ""
	for _, f := range s.answers {
		d := p.x.details[f.Parts[0].Packet]
		if text := answerText(f.Frame); text != said {
			p.line("  %-5v %s", f.Kind, text)
			said = text
		}
		p.wrapped(p.partHead(s, d), "bytes "+byteRange(f.Parts[0].From, f.Parts[0].To))
	}
}

// way is what copies of a frame at different interfaces have in common.
type way struct {
	kind      framing.Kind
	transport dissect.Protocol
	src, dst  netip.AddrPort
}

func (f sighting) way() way { return way{f.Kind, f.Transport, f.Src, f.Dst} }

// sorted groups the copies of a frame at different interfaces.
func (s *story) sorted() []sighting {
	var sorted []sighting
	rest := slices.Clone(s.frames)
	for len(rest) > 0 {
		first := rest[0]
		same := func(f sighting) bool { return f.way() == first.way() }
		for _, f := range rest {
			if same(f) {
				sorted = append(sorted, f)
			}
		}
		rest = slices.DeleteFunc(rest, same)
	}
	return sorted
}

// parts writes a line for each packet that carried a part of a frame. The
// frame may have been there before, in another datagram.
func (p *explainPrinter) parts(s *story, f sighting, again bool) {
	for _, part := range f.Parts {
		d := p.x.details[part.Packet]
		p.wrapped(p.partHead(s, d), partText(f.Frame, part, d, again))
		if p.hex {
			dump(&p.b, d.Data)
		}
	}
	if f.Err != nil {
		p.wrapped("    ! ", f.Err.Error())
	}
	if d := p.x.details[f.Parts[0].Packet]; f.Waited > 0 && direction(&d.Packet) == "in" { // only where it is received does it wait
		p.wrapped("    ", fmt.Sprintf("all of it had come %s before what precedes it in its stream: it waited so long (head-of-line blocking)", shortTime(f.Waited)))
	}
}

// partText says what a packet did for a frame that may have come before.
func partText(f *dissect.Frame, part dissect.Part, d *packetDetail, again bool) string {
	said := []string{fmt.Sprintf("bytes %s %s", byteRange(part.From, part.To), share(f, part))}
	if n := d.frames(); n > 1 && f.Fragments == 0 {
		said = append(said, "with "+count(n-1, "other frame"))
	}
	if again || part.Retransmission {
		said = append(said, "again")
	}
	if part.Damaged {
		said = append(said, "damaged: not taken")
	}
	notes := []string{strings.Join(said, ", ")}
	for _, c := range d.Comments {
		notes = append(notes, printable(fateOf(c)))
	}
	return strings.Join(notes, " · ")
}

// partHead begins a line about a packet: its number, tap and time.
func (p *explainPrinter) partHead(s *story, d *packetDetail) string {
	return fmt.Sprintf("    packet %-*d%s %10s  ", len(strconv.Itoa(p.x.packets)), d.number, p.x.tap(&d.Packet), s.since(d.Time))
}

// frames counts the frames that a packet carried.
func (d *packetDetail) frames() int {
	seen := map[*dissect.Frame]bool{}
	for _, c := range d.carried {
		if c.Frame != nil {
			seen[c.Frame] = true
		}
	}
	return len(seen)
}

// share says how much of a frame one packet brought.
func share(f *dissect.Frame, part dissect.Part) string {
	n := part.To - part.From
	switch {
	case n == f.Length:
		return "whole"
	case f.Length == 0:
		return fmt.Sprintf("(%s of a frame)", count(n, "byte"))
	}
	s := "are the frame's " + byteRange(part.At, part.At+n)
	if f.Fragments > 0 {
		s += fmt.Sprintf(", fragment %d of %d", place(f, part), f.Fragments)
	}
	return s
}

// place says which of a frame's pieces a packet brought, from 1.
func place(f *dissect.Frame, part dissect.Part) int {
	before := map[int]bool{}
	for _, p := range f.Parts {
		if p.At < part.At {
			before[p.At] = true
		}
	}
	return len(before) + 1
}

// fateOf is what a comment of ours says last; of others all of it.
func fateOf(comment string) string {
	if events, fate, ok := strings.Cut(comment, "; "); ok && (strings.HasPrefix(events, "event ") || strings.HasPrefix(events, "fragment ")) {
		return fate
	}
	return comment
}

// tap names where and in which direction a packet was captured.
func (x *captureIndex) tap(p *pcapng.Packet) string {
	wide := 0
	for i := range x.interfaces {
		wide = max(wide, len(x.place(i)))
	}
	if len(x.interfaces) == 1 && x.interfaces[0].Name == "" && direction(p) == "" {
		return ""
	}
	return fmt.Sprintf(" %-*s %-3s", min(wide, 16), x.place(p.Interface), direction(p))
}

func direction(p *pcapng.Packet) string {
	switch p.Flags & pcapng.FlagDirection {
	case pcapng.FlagInbound:
		return "in"
	case pcapng.FlagOutbound:
		return "out"
	}
	return ""
}

// since is how long after the emit a packet was captured, or after the first
// packet if the emit time is unknown or not of this clock.
func (s *story) since(t time.Time) string {
	emitted := time.Unix(0, int64(s.emitted))
	first := s.frames[0].First
	if d := first.Sub(emitted); s.emitted == 0 || d < 0 || d > time.Hour {
		emitted = first
	}
	return "+" + strconv.FormatFloat(float64(t.Sub(emitted).Microseconds())/1000, 'f', 3, 64) + " ms"
}

// answerText says what a frame confirmed or refused.
func answerText(f *dissect.Frame) string {
	switch {
	case f.Kind == framing.KindNack:
		return fmt.Sprintf("from %v: refused, %v", f.Src, f.Code)
	case f.Flags&framing.FlagOffset != 0:
		return fmt.Sprintf("from %v: all of topic %q up to offset %d", f.Src, f.Topic, f.Offset)
	}
	return fmt.Sprintf("from %v: all of origin %d up to %d", f.Src, f.Origin, f.Sequence)
}
