package dissect

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"rawlab/framing"
)

// Options tells an [Assembler] what it reads. The zero value works, but for
// LinkType, whose 0 is LinkNull.
type Options struct {
	LinkType uint16
	Parser   *Parser  // of that link type, which assemblers of one goroutine may share; default one of its own
	Ports    []uint16 // flows on these ports speak our protocol, whatever their first bytes look like
	Limit    int      // largest frame in bytes; default framing.DefaultLimit

	// Messages asks for the messages of other protocols as well, of those
	// with a part in a packet for which it returns true.
	Messages func(packet int) bool

	MaxFlows int // flows followed at once, the idlest given up beyond; default 16384
	MaxAhead int // bytes kept of one stream's direction beyond a hole, then the hole is given up; default 8 MiB
	MaxHeld  int // the same over all flows; default 256 MiB
	Remember int // bytes of one stream's direction in which a retransmission is still matched with its frame; default 4 MiB

	// Early has Frames return each frame as soon as it is whole. A later
	// packet that retransmits its bytes still adds a Part to it, at the next
	// Add.
	Early bool
}

// Stats counts what an [Assembler] met.
type Stats struct {
	Packets    int // all that were added
	Unreadable int // whose headers could not be parsed
	Damaged    int // with a bad checksum
	Gaps       int // holes in streams that were given up
	Missing    int // bytes in those holes
	Skipped    int // bytes of our flows in which no frame could be found
	Evicted    int // flows given up because there were more than MaxFlows
	Untold     int // ICMP errors about events that [Assembler.Refusals] had no room for
}

// Flow is one conversation in the capture.
type Flow struct {
	Transport      Protocol
	Client, Server netip.AddrPort // the client opened it; if that was not captured, it spoke first, unless its frames are a server's
	Packets        int
	Bytes          int // of payload
	Frames         int
	Ours           bool // speaks our protocol
	First, Last    time.Time
}

// Assembler finds the frames of our protocol in the packets of one tap: it
// puts TCP streams and IP fragments together again and notes which packet
// carried which byte of a frame. Feed it the packets of one interface only,
// since elsewhere the same packet is captured again. It is not safe for
// concurrent use. Memory is bounded by Options, but for the frames found,
// which are the caller's after Frames or Finish.
type Assembler struct {
	o      Options
	parser *Parser
	flows  map[flowKey]*flow
	order  []*flow // in order of appearance
	held   int     // bytes beyond holes, over all flows
	zeros  int     // bytes of holes in unfinished frames, over all flows
	recent int     // frames that a retransmission may touch, over all flows
	stats  Stats

	datagrams collector[datagramKey]
	pieces    collector[pieceKey]

	found    []*Frame   // ready for the caller
	messages []*Message // the same
	refusals []Refusal  // the same
	refused  int        // events that they are about
	slab     struct {
		frames []Frame
		parts  []Part
	}
	topics  map[string]string
	headers Headers  // of the packet being added
	oneRun  [1]run   // the whole of a datagram in one packet
	spare   [][]byte // buffers of chunks, to be used again
}

// NewAssembler returns an assembler; nil options are the defaults.
func NewAssembler(o *Options) *Assembler {
	a := &Assembler{flows: map[flowKey]*flow{}, topics: map[string]string{}}
	if o != nil {
		a.o = *o
	}
	a.o.Limit = cmp.Or(a.o.Limit, framing.DefaultLimit)
	a.o.MaxFlows = cmp.Or(a.o.MaxFlows, 16384)
	a.o.MaxAhead = cmp.Or(a.o.MaxAhead, 8<<20)
	a.o.MaxHeld = cmp.Or(a.o.MaxHeld, 256<<20)
	a.o.Remember = cmp.Or(a.o.Remember, 4<<20) // no send buffer is larger (Linux' net.ipv4.tcp_wmem)
	if a.parser = a.o.Parser; a.parser == nil {
		a.parser = NewParser(a.o.LinkType)
	}
	a.datagrams.giveUp = a.datagram
	a.pieces.giveUp = a.inner
	return a
}

// Add reads one packet. The number is the caller's, and comes back in
// [Part.Packet]; data may be reused afterwards.
func (a *Assembler) Add(packet int, t time.Time, data []byte) {
	a.stats.Packets++
	var err error
	h := &a.headers
	if *h, err = a.parser.Parse(data); err != nil {
		a.stats.Unreadable++
		return
	}
	if h.Protocol == ICMP || h.Protocol == ICMPv6 {
		a.addRefusal(packet, t, data)
	}
	if h.Protocol != TCP && h.Protocol != UDP && !(h.Fragment && a.o.Messages != nil) {
		return
	}
	in := arrival{h: h, packet: packet, time: t, damaged: h.Damaged(data)}
	if in.damaged {
		a.stats.Damaged++
	}
	switch {
	case h.Fragment:
		a.addFragment(in, data)
	case h.Protocol == UDP:
		a.addDatagram(in)
	default:
		a.addSegment(in)
	}
}

// arrival is one packet on its way through the assembler.
type arrival struct {
	h       *Headers
	packet  int
	time    time.Time
	damaged bool
}

// Frames returns the frames found since the last call that no retransmission
// is expected to touch any more, or with Options.Early all that are whole.
// Use it to keep memory low on a long capture; Finish alone returns
// everything.
func (a *Assembler) Frames() []*Frame {
	found := a.found
	a.found = nil
	return found
}

// Finish gives up waiting for missing bytes and returns all frames not yet
// returned, in the order of the packets that began them. The assembler is
// spent afterwards, but for Flows and Stats.
func (a *Assembler) Finish() []*Frame {
	a.datagrams.drain()
	for _, f := range a.order {
		finishFlow(f)
	}
	a.pieces.drain()
	frames := a.Frames()
	slices.SortStableFunc(frames, func(x, y *Frame) int {
		p, q := &x.Parts[0], &y.Parts[0]
		return cmp.Or(cmp.Compare(p.Packet, q.Packet), cmp.Compare(p.From, q.From))
	})
	return frames
}

// Messages returns the messages of other protocols found since the last
// call; all of them are there after Finish.
func (a *Assembler) Messages() []*Message {
	m := a.messages
	a.messages = nil
	return m
}

// Stats returns the counts so far.
func (a *Assembler) Stats() Stats { return a.stats }

// Flows returns the conversations still followed, in order of appearance.
func (a *Assembler) Flows() []Flow {
	flows := make([]Flow, len(a.order))
	for i, f := range a.order {
		flows[i] = f.Flow
		flows[i].Ours = f.ours == oursYes
	}
	return flows
}
