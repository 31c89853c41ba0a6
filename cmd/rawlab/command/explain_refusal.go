package command

import (
	"slices"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// refusalsOf returns the ICMP errors about packets that carried an event, or
// a piece of it.
func (x *captureIndex) refusalsOf(s *story) []dissect.Refusal {
	var about []dissect.Refusal
	for _, r := range x.refusals {
		if slices.ContainsFunc(r.Quote.Frames, func(f dissect.Frame) bool {
			return (f.Event() || f.Kind == framing.KindFragment) && f.Origin == s.origin && f.Sequence == s.sequence
		}) {
			about = append(about, r)
		}
	}
	return about
}

// refusals writes a line for each of them.
func (p *explainPrinter) refusals(s *story) {
	for _, r := range p.x.refusalsOf(s) {
		d := p.x.details[r.Packet]
		p.line("  icmp  %s", r.Kind)
		p.wrapped(p.partHead(s, d), "bytes "+byteRange(r.Quote.From, r.Quote.To)+" quote the packet that carried it")
	}
}
