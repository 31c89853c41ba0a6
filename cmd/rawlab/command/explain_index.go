package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
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
	refusals    []dissect.Refusal
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
	x.refusals = append(x.refusals, a.Refusals()...)
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
	others := overhear{x: x}
	for n := 1; n <= last; n++ {
		p, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s: packet %d: %w", x.file, n, err)
		}
		others.add(n, &p)
		if d := x.details[n]; d != nil {
			p.Data = slices.Clone(p.Data)
			d.Packet = p
		}
	}
	if err := others.finish(r, last); err != nil {
		return fmt.Errorf("%s: %w", x.file, err)
	}
	for _, d := range x.details {
		d.layers = dissect.Dissect(d.Data, x.interfaces[d.Interface].LinkType, d.carried...)
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
		for _, r := range x.refusalsOf(s) {
			x.details[r.Packet] = &packetDetail{number: r.Packet}
			last = max(last, r.Packet)
		}
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
