package command

import (
	"slices"

	"rawlab/capture/dissect"
)

// refusals are the ICMP errors about events, as far as there is room.
type refusals struct {
	only   *dissect.EventName // not nil: of no other event
	list   []dissect.Refusal
	about  map[dissect.EventName][]int // which of the list
	events int                         // entries there
	untold int                         // for want of room
}

// Bounds of the errors that are kept, of all interfaces: 128 bytes for each,
// and some 80 for each event that it is about.
var (
	maxRefusals = 1 << 16
	maxRefused  = 1 << 18
)

// add notes what an interface saw since.
func (r *refusals) add(list []dissect.Refusal) {
	for i := range list {
		r.note(&list[i])
	}
}

func (r *refusals) note(e *dissect.Refusal) {
	names := e.Events
	if r.only != nil {
		names = nil
		if slices.Contains(e.Events, *r.only) {
			names = []dissect.EventName{*r.only}
		}
	}
	if len(names) == 0 {
		return
	}
	if len(r.list) >= maxRefusals || r.events+len(names) > maxRefused {
		r.untold++
		return
	}
	if r.about == nil {
		r.about = map[dissect.EventName][]int{}
	}
	for _, name := range names {
		if about := r.about[name]; len(about) == 0 || about[len(about)-1] != len(r.list) {
			r.about[name] = append(about, len(r.list))
			r.events++
		}
	}
	r.list = append(r.list, *e)
	r.list[len(r.list)-1].Events = nil // about has them
}

// refusalsOf returns the ICMP errors about packets that carried an event, or
// a piece of it.
func (x *captureIndex) refusalsOf(s *story) (list []*dissect.Refusal) {
	for _, i := range x.refusals.about[dissect.EventName{Origin: s.origin, Sequence: s.sequence}] {
		list = append(list, &x.refusals.list[i])
	}
	return list
}

// untold is how many ICMP errors about events there was no room for.
func (x *captureIndex) untold() int { return x.stats.Untold + x.refusals.untold }

// refusals writes a line for each of them.
func (p *explainPrinter) refusals(s *story) {
	for _, r := range p.x.refusalsOf(s) {
		d := p.x.details[r.Packet]
		p.line("  icmp  %s", r.Kind)
		p.wrapped(p.partHead(s, d), "bytes "+byteRange(r.From, r.To)+" quote the packet that carried it")
	}
	if n := p.x.refusals.untold; n > 0 && p.x.refusals.only != nil {
		p.line("  icmp  %s about it, more than are kept, not told", count(n, "error"))
	}
}
