package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// captureIndex is what a capture file holds. The first reading finds the
// frames, the second the bytes of the packets that are to be shown, so that a
// large file need not be kept in memory.
type captureIndex struct {
	file        string
	interfaces  []pcapng.Interface
	packets     int
	packetsAt   []int // by interface
	first, last time.Time
	flows       []tappedFlow
	stats       dissect.Stats
	flowAt      map[flowName]int
	frames      []sighting
	replies     []sighting // of frames those that answer events
	stories     []*story
	delivers    bool  // some event is on its way to a subscriber
	err         error // why the file could not be read to its end

	shown   []*story
	plain   int // packets to show for want of events
	details map[int]*packetDetail
}

// sighting is a frame seen at one interface.
type sighting struct {
	*dissect.Frame
	iface int
}

type flowName struct {
	transport      dissect.Protocol
	client, server netip.AddrPort
}

// tappedFlow is a conversation with all interfaces that saw it.
type tappedFlow struct {
	dissect.Flow
	ifaces []int
}

// story is one event: everything in the file that carried it. Two runs in one
// file may have given the same identity twice; the emit time tells them apart.
type story struct {
	origin, sequence, emitted uint64
	frames                    []sighting
	answers                   []sighting // what confirmed or refused it
}

type storyKey struct{ origin, sequence, emitted uint64 }

// packetDetail is one packet that is shown.
type packetDetail struct {
	pcapng.Packet
	number  int
	layers  []dissect.Layer
	carried []dissect.Carried
}

// indexCapture reads a file the first time. A file that ends early is not an
// error here: what is whole is told, and then why there is no more.
func indexCapture(name string, file io.Reader) (*captureIndex, error) {
	r, err := pcapng.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	x := &captureIndex{file: name, flowAt: map[flowName]int{}, details: map[int]*packetDetail{}}
	var taps []*dissect.Assembler
	for {
		p, err := r.Next()
		if err != nil {
			if err != io.EOF {
				x.err = fmt.Errorf("%s: %w", name, err)
			}
			break
		}
		x.packets++
		if x.first.IsZero() || p.Time.Before(x.first) {
			x.first = p.Time
		}
		if p.Time.After(x.last) {
			x.last = p.Time
		}
		for len(taps) <= p.Interface {
			link := r.Interfaces()[len(taps)].LinkType
			taps = append(taps, dissect.NewAssembler(&dissect.Options{LinkType: link}))
			x.packetsAt = append(x.packetsAt, 0)
		}
		x.packetsAt[p.Interface]++
		taps[p.Interface].Add(x.packets, p.Time, p.Data)
	}
	x.interfaces = slices.Clone(r.Interfaces())
	for i, a := range taps {
		x.take(i, a)
	}
	x.tell()
	return x, nil
}

// take takes over what one interface's assembler found.
func (x *captureIndex) take(iface int, a *dissect.Assembler) {
	for _, f := range a.Finish() {
		x.frames = append(x.frames, sighting{f, iface})
	}
	for _, f := range a.Flows() {
		name := flowName{f.Transport, f.Client, f.Server}
		i, known := x.flowAt[name]
		if !known {
			x.flowAt[name] = len(x.flows)
			x.flows = append(x.flows, tappedFlow{Flow: f, ifaces: []int{iface}})
			continue
		}
		g := &x.flows[i]
		g.Packets += f.Packets
		g.Bytes += f.Bytes
		g.Frames += f.Frames
		g.Ours = g.Ours || f.Ours
		g.ifaces = append(g.ifaces, iface)
	}
	s := a.Stats()
	x.stats.Unreadable += s.Unreadable
	x.stats.Damaged += s.Damaged
	x.stats.Gaps += s.Gaps
	x.stats.Missing += s.Missing
	x.stats.Skipped += s.Skipped
	x.stats.Evicted += s.Evicted
}

// trusted reports whether a frame's identity can be believed.
func trusted(f *dissect.Frame) bool {
	_, gap := errors.AsType[*dissect.GapError](f.Err)
	return f.Err == nil || (gap || errors.Is(f.Err, framing.ErrIncomplete)) && f.Kind.Valid()
}

// tell gathers the frames into stories, in the order of the first packets.
func (x *captureIndex) tell() {
	slices.SortStableFunc(x.frames, func(a, b sighting) int { return cmp.Compare(a.Parts[0].Packet, b.Parts[0].Packet) })
	known := map[storyKey]*story{}
	key := func(f sighting) storyKey { return storyKey{f.Origin, f.Sequence, f.Time} }
	for _, f := range x.frames {
		if f.Err == nil && (f.Kind == framing.KindAck || f.Kind == framing.KindNack) {
			x.replies = append(x.replies, f)
		}
		if !f.Event() || !trusted(f.Frame) {
			continue
		}
		x.delivers = x.delivers || f.Kind == framing.KindEvent
		s := known[key(f)]
		if s == nil {
			s = &story{origin: f.Origin, sequence: f.Sequence, emitted: f.Time}
			known[key(f)] = s
			x.stories = append(x.stories, s)
		}
	}
	for _, f := range x.frames {
		if s := known[key(f)]; s != nil && f.Event() { // damaged copies belong where their claim fits
			s.frames = append(s.frames, f)
		}
	}
}

// whole returns a frame of the story that was read without error, if any was.
func (s *story) whole() sighting {
	for _, f := range s.frames {
		if f.Err == nil {
			return f
		}
	}
	return s.frames[0]
}

func (s *story) name() string { return fmt.Sprintf("%d:%d", s.origin, s.sequence) }

// find returns all stories of an identity.
func (x *captureIndex) find(origin, sequence uint64) []*story {
	var found []*story
	for _, s := range x.stories {
		if s.origin == origin && s.sequence == sequence {
			found = append(found, s)
		}
	}
	return found
}

// present tells which events there are.
func (x *captureIndex) present() string {
	if len(x.stories) == 0 {
		return "there is no event of rawlab in it"
	}
	type spread struct {
		low, high uint64
		count     int
	}
	origins := map[uint64]*spread{}
	var order []uint64
	for _, s := range x.stories {
		o := origins[s.origin]
		if o == nil {
			o = &spread{low: s.sequence}
			origins[s.origin] = o
			order = append(order, s.origin)
		}
		o.low, o.high = min(o.low, s.sequence), max(o.high, s.sequence)
		o.count++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "it holds %s", count(len(x.stories), "event"))
	for i, origin := range order {
		if i == 8 {
			fmt.Fprintf(&b, ", and %d more origins", len(order)-i)
			break
		}
		o := origins[origin]
		fmt.Fprintf(&b, ", %d:%d", origin, o.low)
		if o.high > o.low {
			fmt.Fprintf(&b, " to %d:%d", origin, o.high)
		}
	}
	return b.String()
}

// dissect reads the file a second time, for the packets that are shown.
func (x *captureIndex) dissect(file io.ReadSeeker) error {
	last := x.want()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", x.file, err)
	}
	r, err := pcapng.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", x.file, err)
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
		p.Data = slices.Clone(p.Data)
		d.Packet = p
		d.layers = dissect.Dissect(p.Data, x.interfaces[p.Interface].LinkType, d.carried...)
	}
	return nil
}

// want notes which packets are shown, with the frames in them, and returns
// the last.
func (x *captureIndex) want() (last int) {
	for n := 1; n <= x.plain; n++ {
		x.details[n] = &packetDetail{number: n}
		last = n
	}
	for _, s := range x.shown {
		x.listen(s)
		for _, f := range slices.Concat(s.frames, s.answers) {
			for _, p := range f.Parts {
				x.details[p.Packet] = &packetDetail{number: p.Packet}
				last = max(last, p.Packet)
			}
		}
	}
	for _, f := range x.frames {
		if f.Fragments > 0 {
			continue // the packet carries the fragment frames
		}
		for _, p := range f.Parts {
			if d := x.details[p.Packet]; d != nil {
				d.carried = append(d.carried, dissect.Carried{Frame: f.Frame, Part: p})
			}
		}
	}
	return last
}

// answersWithin is how many acks and nacks behind an event are looked at, so
// that explaining all of a large file takes time in proportion to its size.
const answersWithin = 4096

// listen finds the first answer to the event at each interface: an ack
// confirms all up to its sequence, or up to its offset in the topic's log; a
// nack names it.
func (x *captureIndex) listen(s *story) {
	from := s.frames[0].Parts[0].Packet
	i, _ := slices.BinarySearchFunc(x.replies, from, func(f sighting, n int) int { return cmp.Compare(f.Parts[0].Packet, n) })
	type question struct {
		iface int
		kind  framing.Kind
		by    framing.Flags
	}
	heard := map[question]bool{}
	for _, f := range x.replies[i:min(len(x.replies), i+answersWithin)] {
		q := question{f.iface, f.Kind, f.Flags & framing.FlagOffset}
		if !heard[q] && s.answeredBy(f.Frame) {
			heard[q] = true
			s.answers = append(s.answers, f)
		}
	}
}

// answeredBy reports whether a later frame confirms or refuses the event. An
// answer comes from where the event went.
func (s *story) answeredBy(f *dissect.Frame) bool {
	for _, e := range s.frames {
		if e.Src != f.Dst || e.Dst != f.Src || e.Transport != f.Transport || f.Last.Before(e.First) {
			continue
		}
		switch {
		case f.Kind == framing.KindAck && f.Flags&framing.FlagOffset != 0:
			if e.Kind == framing.KindEvent && e.Flags&framing.FlagOffset != 0 && e.Topic == f.Topic && f.Offset >= e.Offset {
				return true
			}
		case f.Kind == framing.KindAck:
			if e.Kind == framing.KindEmit && f.Origin == s.origin && f.Sequence >= s.sequence {
				return true
			}
		case f.Kind == framing.KindNack && f.Origin == s.origin:
			for from, to := range f.Named.All() {
				if from <= s.sequence && s.sequence < to {
					return true
				}
			}
		}
	}
	return false
}
