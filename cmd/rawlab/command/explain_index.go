package command

import (
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

// captureIndex is what is told of a capture file. However large that is, only
// the identities of its events are kept, 24 bytes each, and all of the events
// that are shown. A file with more frames than are kept is read again for
// every question: which events there are, which frames are theirs, which
// answers they got, what else is in their packets, and those packets' bytes.
type captureIndex struct {
	file        string
	source      io.ReadSeeker
	interfaces  []pcapng.Interface
	packets     int
	packetsAt   []int // by interface
	first, last time.Time
	flows       []tappedFlow
	stats       dissect.Stats
	flowAt      map[flowName]int
	frames      [framing.MaxKind + 1]int // by kind
	damaged     int                      // frames that are not to be believed
	replies     int                      // frames that may answer events
	events      identities
	refusals    refusals
	delivers    bool  // some event is on its way to a subscriber
	err         error // why the file could not be read to its end

	kept  []sighting // all frames, unless there are too many
	large bool       // there are

	shown   []*story
	plain   int // packets to show for want of events
	details map[int]*packetDetail
}

// framesKept is how many frames are kept of a file, some 400 bytes each.
var framesKept = 1 << 16

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

// index finds the events of a file that are to be shown, with their frames. A
// file that ends early is not an error here: what is whole is told, and then
// why there is no more.
func (f *explainFlags) index(file io.ReadSeeker) (*captureIndex, error) {
	x := &captureIndex{file: f.file, source: file, flowAt: map[flowName]int{}, details: map[int]*packetDetail{}}
	first := firstStories{limit: f.limit}
	if f.one {
		first.only = &identity{origin: f.origin, sequence: f.sequence}
		x.refusals.only = &dissect.EventName{Origin: f.origin, Sequence: f.sequence}
	}
	if err := x.survey(&first); err != nil {
		return nil, err
	}
	if x.shown = first.sorted(); f.one && len(x.shown) == 0 {
		return nil, errors.Join(fmt.Errorf("no event %d:%d in %s; %s", f.origin, f.sequence, f.file, x.present()), x.err)
	}
	if x.events.count() == 0 {
		x.plain = f.limit
		if f.limit == 0 || f.limit > x.packets {
			x.plain = x.packets
		}
	}
	if err := x.collect(); err != nil {
		return nil, err
	}
	return x, x.listen()
}

// survey reads the file the first time.
func (x *captureIndex) survey(first *firstStories) error {
	r, err := pcapng.NewReader(x.source)
	if err != nil {
		return fmt.Errorf("%s: %w", x.file, err)
	}
	taps := taps{visit: func(f sighting) { x.note(f, first) }, refused: x.refusals.add}
	for {
		p, err := r.Next()
		if err != nil {
			if err != io.EOF {
				x.err = fmt.Errorf("%s: %w", x.file, err)
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
		for len(x.packetsAt) <= p.Interface {
			x.packetsAt = append(x.packetsAt, 0)
		}
		x.packetsAt[p.Interface]++
		taps.add(x.packets, &p, r.Interfaces()[p.Interface].LinkType)
	}
	x.interfaces = slices.Clone(r.Interfaces())
	taps.finish()
	for i, a := range taps.all {
		if a != nil {
			x.take(i, a)
		}
	}
	return nil
}

// note counts a frame.
func (x *captureIndex) note(f sighting, first *firstStories) {
	if x.kept = append(x.kept, f); x.large || len(x.kept) > framesKept {
		x.kept, x.large = nil, true
	}
	if !f.Kind.Valid() || !trusted(f.Frame) {
		x.damaged++
		return
	}
	x.frames[f.Kind]++
	if f.answers() {
		x.replies++
	}
	if f.Event() {
		x.delivers = x.delivers || f.Kind == framing.KindEvent
		x.events.add(f.identity())
		first.offer(f)
	}
}

// take takes over what one interface's assembler counted.
func (x *captureIndex) take(iface int, a *dissect.Assembler) {
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
	x.stats.Untold += s.Untold
}

// trusted reports whether a frame's identity can be believed.
func trusted(f *dissect.Frame) bool {
	_, gap := errors.AsType[*dissect.GapError](f.Err)
	return f.Err == nil || (gap || errors.Is(f.Err, framing.ErrIncomplete)) && f.Kind.Valid()
}

// answers reports whether the frame may answer an event.
func (f sighting) answers() bool {
	return f.Err == nil && (f.Kind == framing.KindAck || f.Kind == framing.KindNack)
}

// taps puts the frames of each interface's packets together.
type taps struct {
	visit   func(sighting)
	refused func([]dissect.Refusal)    // nil: nobody asks
	all     []*dissect.Assembler       // by interface; nil where no packet was
	parsers map[uint16]*dissect.Parser // by link type
}

// visitEvery is after how many packets the frames found so far are visited,
// so that few are kept.
const visitEvery = 64

func (t *taps) add(number int, p *pcapng.Packet, link uint16) {
	for len(t.all) <= p.Interface {
		t.all = append(t.all, nil)
	}
	a := t.all[p.Interface]
	if a == nil {
		if t.parsers[link] == nil {
			if t.parsers == nil {
				t.parsers = map[uint16]*dissect.Parser{}
			}
			t.parsers[link] = dissect.NewParser(link)
		}
		a = dissect.NewAssembler(&dissect.Options{LinkType: link, Parser: t.parsers[link]})
		t.all[p.Interface] = a
	}
	a.Add(number, p.Time, p.Data)
	if a.Stats().Packets%visitEvery == 0 {
		t.give(p.Interface, a.Frames())
		t.takeRefusals(a)
	}
}

func (t *taps) give(iface int, frames []*dissect.Frame) {
	for _, f := range frames {
		t.visit(sighting{f, iface})
	}
}

func (t *taps) finish() {
	for i, a := range t.all {
		if a != nil {
			t.give(i, a.Finish())
			t.takeRefusals(a)
		}
	}
}

func (t *taps) takeRefusals(a *dissect.Assembler) {
	if list := a.Refusals(); t.refused != nil && len(list) > 0 {
		t.refused(list)
	}
}

// reread starts the file again.
func (x *captureIndex) reread() (*pcapng.Reader, error) {
	if _, err := x.source.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", x.file, err)
	}
	r, err := pcapng.NewReader(x.source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.file, err)
	}
	return r, nil
}

// each visits every frame of the file again, in no order.
func (x *captureIndex) each(visit func(sighting)) error {
	if !x.large {
		for _, f := range x.kept {
			visit(f)
		}
		return nil
	}
	r, err := x.reread()
	if err != nil {
		return err
	}
	taps := taps{visit: visit}
	for n := 1; n <= x.packets; n++ {
		p, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s: packet %d: %w", x.file, n, err)
		}
		taps.add(n, &p, x.interfaces[p.Interface].LinkType)
	}
	taps.finish()
	return nil
}
