package page

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
	"rawlab/framing"
	"rawlab/labs/report"
)

// followed is what one run's evidence says of its packets and events.
type followed struct {
	e       *report.Evidence
	start   time.Time
	index   map[account.ID]int // an event's place in the ledger, the first of its places if it has several
	emitted []time.Time        // by that place
	waits   map[int][2]int64   // by that place, by leg: microseconds in line behind earlier bytes
	packets []packet           // in the order in which they left
	carried map[at][]dissect.Carried
}

// at names a packet: its place at the tap of its sending host.
type at struct{ side, packet int }

// packet is one packet that left a host.
type packet struct {
	at
	left     time.Time
	trip     time.Duration // until it came; negative: it was not seen to
	copies   int           // that came
	fate     passage
	protocol dissect.Protocol
	src, dst netip.AddrPort
	length   int // of payload
	seq, ack int64
	again    tcpflow.Again
	repeated bool // over UDP: an event in it had left before
	word     string
	events   []int // places of those that it carries, ascending
}

// passage is what became of a packet on its way.
type passage uint8

const (
	passed passage = iota
	lost
	corrupted
	overflow
	held
	never   // left the host and never reached the wire
	unknown // the wire does not follow such packets
)

// follow reads a run's evidence. Of the packets that carry wanted events it
// keeps which bytes are whose.
func follow(e *report.Evidence, wanted map[account.ID]bool) *followed {
	f := &followed{
		e: e, index: map[account.ID]int{}, waits: map[int][2]int64{}, carried: map[at][]dissect.Carried{},
		emitted: make([]time.Time, len(e.Ledger.Events)),
	}
	for i := range e.Ledger.Events {
		if _, known := f.index[e.Ledger.Events[i].ID]; !known {
			f.index[e.Ledger.Events[i].ID] = i
		}
	}
	for _, m := range e.Emissions {
		for _, i := range f.placesOf(m.ID, 0) {
			f.emitted[i] = m.Time
		}
		f.begin(m.Time)
	}
	for side := range e.Taps {
		f.tap(side, wanted)
	}
	slices.SortStableFunc(f.packets, func(a, b packet) int { return cmp.Compare(a.left.UnixNano(), b.left.UnixNano()) })
	f.markRepeated()
	return f
}

// placesOf are an event's, or the one that is due to a subscriber, unless that
// is 0.
func (f *followed) placesOf(id account.ID, to uint64) (places []int) {
	i, ok := f.index[id]
	for events := f.e.Ledger.Events; ok && i < len(events) && events[i].ID == id; i++ {
		if to == 0 || to == events[i].To {
			places = append(places, i)
		}
	}
	return places
}

func (f *followed) begin(t time.Time) {
	if f.start.IsZero() || t.Before(f.start) {
		f.start = t
	}
}

// collectEvery is after how many packets the frames found are taken.
const collectEvery = 4096

// tap reads what one host's capture saw.
func (f *followed) tap(side int, wanted map[account.ID]bool) {
	r := reader{followed: f, side: side, wanted: wanted, events: map[int][]int{}, words: map[int]string{}, carried: map[int][]dissect.Carried{}, chosen: map[int]bool{}}
	parser := dissect.NewParser(dissect.LinkEthernet)
	frames := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	tcp := tcpflow.NewAnalyzer(nil)
	trips := f.trips(side)
	first := len(f.packets)
	for i := range f.e.Taps[side].Packets {
		p := &f.e.Taps[side].Packets[i]
		frames.Add(i, p.Time, p.Data)
		if (i+1)%collectEvery == 0 {
			r.take(frames.Frames())
		}
		h, err := parser.Parse(p.Data)
		if err != nil {
			continue
		}
		way := tcpflow.In
		if p.Outgoing {
			way = tcpflow.Out
		}
		s, _ := tcp.Add(i, p.Time, way, &h, p.Data)
		if p.Outgoing && h.Src.IsValid() && h.Protocol != dissect.ARP && !h.Dst.Addr().IsMulticast() && !h.Src.Addr().IsUnspecified() {
			f.begin(p.Time)
			f.packets = append(f.packets, newPacket(at{side, i}, p, &h, &s, trips[i]))
		}
	}
	r.take(frames.Finish())
	for i := first; i < len(f.packets); i++ {
		r.name(&f.packets[i])
	}
	for n := range r.chosen {
		f.carried[at{side, n}] = r.carried[n]
	}
}

func newPacket(where at, p *account.Packet, h *dissect.Headers, s *tcpflow.Segment, t trip) packet {
	q := packet{
		at: where, left: p.Time, trip: -1, copies: t.copies, fate: t.fate,
		protocol: h.Protocol, src: h.Src, dst: h.Dst, length: h.PayloadLength,
	}
	if !t.came.IsZero() {
		q.trip = t.came.Sub(p.Time)
	}
	switch {
	case !t.known:
		q.fate = unknown
	case h.Protocol == dissect.TCP:
		q.seq, q.ack, q.again, q.word = s.Seq, s.Ack, s.Again, flags(h)
	}
	if h.Protocol == dissect.ICMP || h.Protocol == dissect.ICMPv6 {
		q.word = "ICMP"
	}
	return q
}

// flags names a segment that carries nothing.
func flags(h *dissect.Headers) string {
	word := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{h.SYN, "SYN"}, {h.FIN, "FIN"}, {h.RST, "RST"}, {h.ACK, "ACK"}} {
		if f.set && word != "" {
			word += " "
		}
		if f.set {
			word += f.name
		}
	}
	if word == "ACK" && h.PayloadLength > 0 {
		return ""
	}
	return word
}

// trip is what the wire and the other host know of a packet.
type trip struct {
	known  bool
	fate   passage
	came   time.Time // zero: never
	copies int
}

// trips are those of a host's packets, by their place at its tap.
func (f *followed) trips(side int) map[int]trip {
	leg := account.ToServer
	if side == account.Server {
		leg = account.ToSubscriber
	}
	j := f.e.Ledger.Joined[leg]
	trips := map[int]trip{}
	if j == nil {
		return trips
	}
	for _, s := range j.Sightings {
		t := trip{known: true, fate: never}
		if s.Passage >= 0 && s.Passage < len(f.e.Wire[leg].Passages) {
			t.fate = passageOf(f.e.Wire[leg].Passages[s.Passage].Fate)
		}
		trips[s.Packet] = t
	}
	for i := range f.e.Taps[1-side].Packets {
		if n, ok := j.Origin(i); ok {
			t := trips[j.Sightings[n].Packet]
			if t.copies++; t.copies == 1 {
				t.came = f.e.Taps[1-side].Packets[i].Time
			}
			trips[j.Sightings[n].Packet] = t
		}
	}
	return trips
}

func passageOf(f account.PacketFate) passage {
	return [...]passage{
		account.PacketPassed: passed, account.PacketLost: lost, account.PacketCorrupted: corrupted,
		account.PacketOverflow: overflow, account.PacketHeld: held,
	}[f]
}

// markRepeated finds what left over UDP for another time.
func (f *followed) markRepeated() {
	type sent struct {
		side, event int
		src, dst    netip.AddrPort
	}
	seen := map[sent]bool{}
	for i := range f.packets {
		p := &f.packets[i]
		if p.protocol != dissect.UDP || p.word == wordPiece {
			continue
		}
		for _, e := range p.events {
			key := sent{p.side, e, p.src, p.dst}
			p.repeated = p.repeated || seen[key]
			seen[key] = true
		}
	}
}

// wordPiece is a packet that carries a part of an event larger than itself.
const wordPiece = "piece"

// reader gathers what a tap's frames say of its packets.
type reader struct {
	*followed
	side    int
	wanted  map[account.ID]bool
	chosen  map[int]bool // packets that carry wanted events
	events  map[int][]int
	words   map[int]string
	carried map[int][]dissect.Carried
}

// take notes frames.
func (r *reader) take(frames []*dissect.Frame) {
	for _, f := range frames {
		var places []int
		if f.Event() || f.Kind == framing.KindFragment {
			places = r.placesOf(account.ID{Origin: f.Origin, Sequence: f.Sequence}, r.e.Subscribers[f.Dst])
		}
		for _, event := range places {
			if f.Event() && f.Waited > 0 && f.Err == nil && f.Transport == dissect.TCP && !r.outgoing(f) {
				w := r.waits[event]
				w[legOf(f)] = f.Waited.Microseconds()
				r.waits[event] = w
			}
		}
		if f.Fragments > 0 || !r.outgoing(f) {
			continue // the packets carry its fragment frames
		}
		for _, part := range f.Parts {
			r.note(f, part, places)
		}
	}
	r.forget()
}

// forget lets go of the frames of packets long past that carry nothing wanted,
// so that few are kept.
func (r *reader) forget() {
	latest := 0
	for n := range r.carried {
		latest = max(latest, n)
	}
	for n := range r.carried {
		if n < latest-4*collectEvery && !r.chosen[n] {
			delete(r.carried, n)
		}
	}
}

func (r *reader) outgoing(f *dissect.Frame) bool {
	return len(f.Parts) > 0 && r.e.Taps[r.side].Packets[f.Parts[0].Packet].Outgoing
}

// legOf is the leg of an event's frame.
func legOf(f *dissect.Frame) int {
	if f.Kind == framing.KindEvent {
		return account.ToSubscriber
	}
	return account.ToServer
}

// maxCarried bounds the frames whose bytes are told apart in one packet.
const maxCarried = 64

// note takes a frame's part in a packet.
func (r *reader) note(f *dissect.Frame, part dissect.Part, places []int) {
	n, is := part.Packet, len(places) > 0
	if is {
		r.events[n] = append(r.events[n], places...)
		if r.wanted[account.ID{Origin: f.Origin, Sequence: f.Sequence}] {
			r.chosen[n] = true
		}
	}
	if len(r.wanted) > 0 && len(r.carried[n]) < maxCarried {
		r.carried[n] = append(r.carried[n], dissect.Carried{Frame: f, Part: part})
	}
	word := ""
	switch {
	case f.Kind == framing.KindFragment:
		word = wordPiece
	case !is && f.Kind.Valid():
		word = f.Kind.String()
	}
	if word != "" && r.words[n] == "" {
		r.words[n] = word
	}
}

// name says what a packet carries.
func (r *reader) name(p *packet) {
	p.events = slices.Compact(slices.Sorted(slices.Values(r.events[p.packet])))
	if w := r.words[p.packet]; w != "" {
		p.word = w
	}
}
