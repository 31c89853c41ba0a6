package dissect

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"rawlab/framing"
)

// maxForeign is how many datagrams without a frame a flow may begin with
// before it is taken for another protocol.
const maxForeign = 64

// datagram is a UDP payload, out of one packet or of several fragments.
type datagram struct {
	payload []byte // what is here from its beginning on
	length  int    // what it had on the network
	runs    []run
	first   time.Time
	in      arrival
}

// run is a range of a message that one packet carried.
type run struct {
	at, length   int // in the message
	packet, from int // from: in the packet
}

func (a *Assembler) addDatagram(in arrival) {
	h := in.h
	a.oneRun[0] = run{length: len(h.Payload), packet: in.packet, from: h.PayloadStart}
	a.unpack(datagram{payload: h.Payload, length: h.PayloadLength, runs: a.oneRun[:], first: in.time, in: in})
}

// unpack reports every frame of a datagram.
func (a *Assembler) unpack(d datagram) {
	if d.in.damaged {
		key := flowKey{UDP, d.in.h.Src, d.in.h.Dst}
		if d.in.h.Dst.Compare(d.in.h.Src) < 0 {
			key.low, key.high = key.high, key.low
		}
		if f := a.flows[key]; f == nil || f.ours != oursYes {
			return // the addresses themselves may be what was damaged
		}
	}
	f, _ := a.flowOf(d.in)
	if f.ours == oursUnknown {
		a.recognise(f, d)
	}
	if f.ours != oursYes {
		return
	}
	for at := 0; at < len(d.payload); {
		n := a.unpackOne(f, &d, at)
		if n == 0 {
			return
		}
		at += n
	}
}

// recognise decides whether a flow is ours: a frame with a right checksum
// begins one of its first datagrams.
func (a *Assembler) recognise(f *flow, d datagram) {
	got, _, err := framing.Parse(d.payload, d.length)
	if err == nil && got.Flags&framing.FlagCRC != 0 {
		f.ours = oursYes
	} else if errors.Is(err, framing.ErrIncomplete) && len(d.payload) >= headerEnd && plausible(d.payload, a.o.Limit) {
		f.ours = oursYes // cut by the capture or by a lost fragment
	} else if f.Packets > maxForeign {
		f.ours = oursNo
	}
}

// unpackOne reports the frame at a place in the datagram and returns its
// size, or 0 if what follows it cannot be found.
func (a *Assembler) unpackOne(fl *flow, d *datagram, at int) int {
	b := d.payload[at:]
	size, err := framing.Peek(b, d.length-at)
	f := a.newFrame()
	f.Transport, f.Src, f.Dst = UDP, d.in.h.Src, d.in.h.Dst
	f.Length = size
	f.First, f.Last = d.first, d.in.time
	switch {
	case err != nil:
		f.Err = err
		if len(d.payload) < d.length && err == framing.ErrIncomplete {
			f.Err = &GapError{Missing: d.length - len(d.payload)}
		}
	case len(b) < size:
		f.Err = &GapError{Missing: size - len(b)}
		f.claim(b)
	default:
		b = b[:size]
		a.decode(f, b)
		if f.Err == nil && f.Flags&framing.FlagCRC == 0 {
			f.Err = framing.ErrChecksum // on UDP every frame has one
		}
	}
	if d.in.damaged {
		f.Err = ErrDamaged
	}
	end := at + size
	if size == 0 {
		end = d.length
	}
	f.Parts = a.partsOf(d.runs, at, end)
	if len(f.Parts) == 0 {
		return 0
	}
	fl.count(f)
	a.found = append(a.found, f)
	if f.Err == nil {
		a.addPiece(f, b)
	}
	return size
}

// decode fills in a frame from its bytes, all of which are here.
func (a *Assembler) decode(f *Frame, b []byte) {
	f.Topic = a.topic(f.decode(b, a.o.Limit))
}

// partsOf returns the runs' shares of the message's bytes [from, to).
func (a *Assembler) partsOf(runs []run, from, to int) []Part {
	parts := a.newParts(len(runs))
	for _, r := range runs {
		lo, hi := max(r.at, from), min(r.at+r.length, to)
		if lo < hi {
			parts = append(parts, Part{Packet: r.packet, From: r.from + lo - r.at, To: r.from + hi - r.at, At: lo - from})
		}
	}
	if len(parts) > 1 {
		slices.SortStableFunc(parts, comparePacket)
	}
	return parts
}

const (
	slabFrames = 256
	slabParts  = 1024
	maxTopics  = 4096 // distinct topics of which one copy is shared
)

// newFrame returns an empty frame out of a slab, since captures have many.
func (a *Assembler) newFrame() *Frame {
	if len(a.slab.frames) == 0 {
		a.slab.frames = make([]Frame, slabFrames)
	}
	f := &a.slab.frames[0]
	a.slab.frames = a.slab.frames[1:]
	return f
}

// newParts returns room for n parts.
func (a *Assembler) newParts(n int) []Part {
	if n > slabParts/4 {
		return make([]Part, 0, n)
	}
	if len(a.slab.parts) < n {
		a.slab.parts = make([]Part, slabParts)
	}
	p := a.slab.parts[:0:n]
	a.slab.parts = a.slab.parts[n:]
	return p
}

func (a *Assembler) topic(b []byte) string {
	if t, ok := a.topics[string(b)]; ok {
		return t
	}
	t := string(b)
	if len(a.topics) < maxTopics {
		a.topics[t] = t
	}
	return t
}

// datagramKey names an IP datagram while its fragments come in (RFC 791,
// section 3.2; RFC 8200, section 4.5).
type datagramKey struct {
	src, dst netip.Addr
	id       uint32
	protocol Protocol
}
