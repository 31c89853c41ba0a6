package command

import (
	"cmp"
	"fmt"
	"slices"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

func inOrder(a, b sighting) int { return a.begins().compare(b.begins()) }

// collect gives the shown stories their frames. Damaged copies belong where
// their claim fits.
func (x *captureIndex) collect() error {
	if len(x.shown) == 0 {
		return nil
	}
	known := map[identity]*story{}
	for _, s := range x.shown {
		known[s.identity] = s
	}
	err := x.each(func(f sighting) {
		if !f.Event() {
			return
		}
		if s := known[f.identity()]; s != nil {
			s.frames = append(s.frames, f)
		}
	})
	for _, s := range x.shown {
		slices.SortStableFunc(s.frames, inOrder)
	}
	return err
}

// answersWithin is how many acks and nacks behind an event are looked at, so
// that explaining all of a large file takes time in proportion to its size.
const answersWithin = 4096

// replies are acks and nacks, of which only those are kept that some story
// looks at.
type replies struct {
	from   []int // the packets with which stories begin, sorted
	list   []sighting
	pruned int // of list, these were found to be needed
}

func (r *replies) add(f sighting) {
	if f.Parts[0].Packet < r.from[0] {
		return
	}
	if r.list = append(r.list, f); len(r.list) > 2*max(r.pruned, answersWithin) {
		r.prune()
	}
}

// after returns the index of the first that comes with a packet or later.
func (r *replies) after(packet int) int {
	i, _ := slices.BinarySearchFunc(r.list, packet, func(f sighting, n int) int { return cmp.Compare(f.Parts[0].Packet, n) })
	return i
}

func (r *replies) prune() {
	slices.SortStableFunc(r.list, inOrder)
	var needed []sighting
	to := 0
	for _, packet := range r.from {
		i := r.after(packet)
		needed = append(needed, r.list[max(i, to):max(min(i+answersWithin, len(r.list)), max(i, to))]...)
		to = max(to, i+answersWithin)
		if to >= len(r.list) {
			break
		}
	}
	r.list, r.pruned = needed, len(needed)
}

// listen finds the first answer to each shown event at each interface: an ack
// confirms all up to its sequence, or up to its offset in the topic's log; a
// nack names it.
func (x *captureIndex) listen() error {
	if x.replies == 0 || len(x.shown) == 0 {
		return nil
	}
	var r replies
	for _, s := range x.shown {
		r.from = append(r.from, s.frames[0].Parts[0].Packet)
	}
	slices.Sort(r.from)
	err := x.each(func(f sighting) {
		if f.answers() {
			r.add(f)
		}
	})
	r.prune()
	for _, s := range x.shown {
		i := r.after(s.frames[0].Parts[0].Packet)
		s.hear(r.list[i:min(len(r.list), i+answersWithin)])
	}
	return err
}

// hear keeps the first of each kind of answer at each interface.
func (s *story) hear(replies []sighting) {
	type question struct {
		iface int
		kind  framing.Kind
		by    framing.Flags
	}
	heard := map[question]bool{}
	for _, f := range replies {
		q := question{f.iface, f.Kind, f.Flags & framing.FlagOffset}
		if !heard[q] && s.answeredBy(f.Frame) {
			heard[q] = true
			s.answers = append(s.answers, f)
		}
	}
}

// want notes which packets are shown, with the frames in them, and returns
// the last.
func (x *captureIndex) want() (last int, err error) {
	for n := 1; n <= x.plain; n++ {
		x.details[n] = &packetDetail{number: n}
		last = n
	}
	same := map[frameName]*dissect.Frame{} // as the stories have them
	for _, s := range x.shown {
		for _, r := range x.refusalsOf(s) {
			x.details[r.Packet] = &packetDetail{number: r.Packet}
			last = max(last, r.Packet)
		}
		for _, f := range slices.Concat(s.frames, s.answers) {
			same[f.name()] = f.Frame
			for _, p := range f.Parts {
				x.details[p.Packet] = &packetDetail{number: p.Packet}
				last = max(last, p.Packet)
			}
		}
	}
	err = x.each(func(f sighting) {
		if f.Fragments > 0 {
			return // the packet carries the fragment frames
		}
		frame := cmp.Or(same[f.name()], f.Frame)
		for _, p := range f.Parts {
			if d := x.details[p.Packet]; d != nil {
				d.carried = append(d.carried, dissect.Carried{Frame: frame, Part: p})
			}
		}
	})
	return last, err
}

// frameName tells a frame from all others of a file.
type frameName struct {
	spot
	whole bool // not put together from fragment frames
}

func (f sighting) name() frameName { return frameName{f.begins(), f.Fragments == 0} }

// dissect reads the packets that are shown and has show see each, in the order
// of the file.
func (x *captureIndex) dissect(show func(*packetDetail) error) error {
	last, err := x.want()
	if err != nil || last == 0 {
		return err
	}
	if err := x.overhear(last); err != nil {
		return err
	}
	r, err := x.reread()
	if err != nil {
		return err
	}
	for n := 1; n <= last; n++ {
		p, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s: packet %d: %w", x.file, n, err)
		}
		d := x.details[n]
		if d == nil {
			continue
		}
		d.Packet = p
		d.layers = dissect.Dissect(p.Data, x.interfaces[p.Interface].LinkType, d.carried...)
		if err := show(d); err != nil {
			return err
		}
	}
	return nil
}

// overhear finds the messages of other protocols in the packets shown, of
// which this is the last.
func (x *captureIndex) overhear(last int) error {
	r, err := x.reread()
	if err != nil {
		return err
	}
	others := overhear{x: x}
	for n := 1; n <= last; n++ {
		p, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s: packet %d: %w", x.file, n, err)
		}
		others.add(n, &p)
	}
	if err := others.finish(r, last); err != nil {
		return fmt.Errorf("%s: %w", x.file, err)
	}
	return nil
}

// keep has a packet outlive the reading.
func (d *packetDetail) keep() error {
	d.Data = slices.Clone(d.Data)
	return nil
}
