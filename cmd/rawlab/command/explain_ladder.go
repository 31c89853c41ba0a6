package command

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
)

// ladder draws packets in time, down, and between their hosts, across. A
// packet that two taps saw, as it left and as it came, is one rung. Of many
// rungs it keeps the first and the last.
type ladder struct {
	title   string
	choose  func(*seenPacket) choice
	limit   int
	samples []tcpInfoSample // still to come, by time

	head, tail []*ladderRung
	left       int           // packets between head and tail
	passed     int           // packets since the last rung that are not shown
	aside      int           // packets that go between no two hosts
	rungs      []*ladderRung // when all packets have been added
	on         transit
}

// choice is what becomes of a packet in a ladder.
type choice uint8

const (
	chooseNot choice = iota
	chooseCount
	chooseShow
)

// ladderRung is one packet on its way, or one look at a connection.
type ladderRung struct {
	at       time.Time
	packet   int // its number where it left, or at the only tap that saw it
	src, dst netip.AddrPort
	protocol dissect.Protocol
	length   int // of payload
	fragment bool
	outgoing bool // seen as it left

	segment *tcpflow.Segment // at that tap; nil: no TCP
	arrival *tcpflow.Segment // where it came
	came    time.Time        // zero: not seen
	comeAs  int              // the packet's number there
	fate    string           // what the file says of it
	lost    bool
	events  []string

	sample *tcpInfoSample // instead of a packet
	before int            // packets left out just before
}

// ladderBound is how many rungs a ladder has at most, about 60 MB.
const ladderBound = 100_000

// add takes the next packet of the file.
func (l *ladder) add(p *seenPacket) {
	l.lookUntil(p.Time)
	chosen := l.choose(p)
	if !drawable(p) {
		if chosen != chooseNot {
			l.aside++
		}
		return
	}
	if p.way() == tcpflow.In {
		if r := l.on.arrive(p); r != nil {
			r.arrive(p)
			return
		}
	}
	r := newRung(p)
	if r.outgoing {
		l.on.leave(p, r)
	}
	switch chosen {
	case chooseCount:
		l.passed++
	case chooseShow:
		l.keep(r)
	}
}

// drawable reports whether a packet goes from one host to another: ARP, and
// what hosts tell all their neighbours, do not.
func drawable(p *seenPacket) bool {
	src, dst := p.headers.Src.Addr(), p.headers.Dst.Addr()
	return p.readable && src.IsValid() && p.headers.Protocol != dissect.ARP && !dst.IsMulticast() && !src.IsUnspecified()
}

func newRung(p *seenPacket) *ladderRung {
	r := &ladderRung{
		at: p.Time, packet: p.number, src: p.headers.Src, dst: p.headers.Dst, protocol: p.headers.Protocol,
		length: p.headers.PayloadLength, fragment: p.headers.Fragment, outgoing: p.way() == tcpflow.Out,
	}
	if p.tcp {
		s := p.segment
		r.segment = &s
	}
	for _, c := range p.Comments {
		r.fate = printable(fateOf(c))
	}
	r.lost = r.outgoing && endsOnWire(r.fate)
	return r
}

// endsOnWire reports whether a packet's fate is to come nowhere intact, in
// the words of package account.
func endsOnWire(fate string) bool {
	return strings.HasSuffix(fate, ": ends here") || strings.HasPrefix(fate, "wire-") ||
		strings.HasPrefix(fate, "still under way") || strings.HasPrefix(fate, "never reached")
}

// arrive notes that the packet came.
func (r *ladderRung) arrive(p *seenPacket) {
	r.came, r.comeAs = p.Time, p.number
	if p.tcp {
		s := p.segment
		r.arrival = &s
	}
}

// keep puts a rung into the head, or into the tail at the cost of its first.
func (l *ladder) keep(r *ladderRung) {
	r.before, l.passed = l.passed, 0
	if len(l.head) < (l.limit+1)/2 {
		l.head = append(l.head, r)
		return
	}
	if l.tail = append(l.tail, r); len(l.tail) >= l.limit+64 { // many at once, so that moving the others costs little per rung
		l.trim()
	}
}

// trim leaves as many rungs in the tail as are shown.
func (l *ladder) trim() {
	n := max(len(l.tail)-l.limit/2, 0)
	for _, r := range l.tail[:n] {
		l.left += r.before
		if r.sample == nil {
			l.left++
		}
	}
	l.tail = slices.Delete(l.tail, 0, n)
}

// lookUntil takes the looks at connections up to a time.
func (l *ladder) lookUntil(t time.Time) {
	for len(l.samples) > 0 && !l.samples[0].time.After(t) {
		s := &l.samples[0]
		l.samples = l.samples[1:]
		p := seenPacket{readable: true, headers: dissect.Headers{Protocol: dissect.TCP, Src: s.local, Dst: s.remote}}
		p.Time = s.time
		if l.choose(&p) == chooseShow {
			l.keep(&ladderRung{at: s.time, src: s.local, dst: s.remote, protocol: dissect.TCP, sample: s})
		}
	}
}

// finish puts the rungs in the order of time. The first behind those that
// are left out says how many they are.
func (l *ladder) finish() {
	l.trim()
	l.rungs = slices.Concat(l.head, l.tail)
	if l.left > 0 && len(l.tail) > 0 {
		l.tail[0].before += l.left
	} else {
		slices.SortStableFunc(l.rungs, func(a, b *ladderRung) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	}
	for _, r := range l.rungs {
		if r.outgoing && r.came.IsZero() && !r.lost && l.on.met[route{r.src, r.dst}] {
			r.lost, r.fate = true, "not seen to arrive"
		}
	}
}
