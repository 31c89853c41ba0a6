package dissect

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

const (
	// farBytes is how far from the expected byte a segment is taken to belong
	// to the stream at all; the largest TCP window is 1 GiB (RFC 7323), but no
	// kernel allows a tenth of it by default.
	farBytes = 64 << 20
	// straysUntilRestart is how many segments in a row must be far off before
	// the stream is followed from there: the capture missed a long stretch.
	straysUntilRestart = 3
	// acksUntilGap is how many packets must acknowledge bytes that were not
	// captured before the hole is given up. One would do, were packets never
	// reordered between the network card's queues.
	acksUntilGap = 16
	// maxRecent is how many finished frames wait for retransmissions, over all
	// flows. Beyond, the older half of each stream's no longer do.
	maxRecent = 1 << 16
	// maxMarks bounds what is remembered of who carried an unfinished frame.
	maxMarks = 1 << 14
	// maxChunks is how many runs of bytes one stream's direction keeps beyond
	// a hole, however short they are.
	maxChunks = 1 << 13
	// maxZeros is how many bytes that the capture has not may stand, as zeros,
	// in unfinished frames of all flows.
	maxZeros = 64 << 20
)

// stream is one direction of a TCP flow. A position counts bytes from the
// first one seen, in 64 bits, so that sequence numbers may wrap.
//
//	      head          next              ahead[0]      ahead[1]
//	───────┼──────────────┼···············┌────────┐····┌──────┐
//	frames │ buf          │ hole          │ chunk  │    │ chunk│
type stream struct {
	a        *Assembler
	flow     *flow
	src, dst netip.AddrPort

	started   bool
	fromSYN   bool   // position 0 is the stream's first byte
	base      uint32 // the sequence number of position 0
	next      int64  // one past the contiguous bytes
	head      int64  // the first byte in no frame yet
	searching bool   // head is not known to begin a frame
	hollow    bool   // too much of it was missing

	buf    []byte // from off on, the bytes [head, next)
	off    int
	ahead  []chunk
	kept   int    // bytes in ahead
	holes  []hole // given up, within [head, next), zeros in buf
	marks  []mark // who carried the bytes from head on, by position
	recent []placed

	strays      int
	ackedBeyond int
	scanned     int // bytes searched while unknown whether ours
}

// chunk is a run of bytes beyond a hole.
type chunk struct {
	from    int64
	data    []byte
	missing int // in place of data: the capture cut that many bytes off here
}

func (c *chunk) to() int64 { return c.from + int64(len(c.data)+c.missing) }

// hole is a range of positions whose bytes are not in the capture.
type hole struct{ from, to int64 }

// mark says that a packet carried a range of positions.
type mark struct {
	from, to       int64
	packet, at     int // at: where from is in the packet
	time           time.Time
	again, damaged bool
}

// placed is a finished frame, or a message of another protocol, and where it
// was.
type placed struct {
	from, to int64
	frame    *Frame
	message  *Message
}

// parts returns where its carriers are noted.
func (p *placed) parts() *[]Part {
	if p.message != nil {
		return &p.message.Parts
	}
	return &p.frame.Parts
}

// hand gives it to the caller.
func (a *Assembler) hand(p placed) {
	if p.message != nil {
		a.messages = append(a.messages, p.message)
		return
	}
	a.found = append(a.found, p.frame)
}

func (a *Assembler) addSegment(in arrival) {
	if in.damaged {
		a.addDamaged(in)
		return
	}
	h := in.h
	f, d := a.flowOf(in)
	if h.SYN {
		f.open(d, h)
	}
	if f.ours == oursNo && f.talk == nil {
		return
	}
	if h.ACK {
		f.dir[1-d].acknowledged(h.Ack, in.time)
	}
	if h.PayloadLength > 0 {
		f.dir[d].add(in)
	}
}

// addDamaged notes a segment that the receiver refused. Its addresses may be
// what was damaged, so it opens no flow.
func (a *Assembler) addDamaged(in arrival) {
	key, d := flowKey{TCP, in.h.Src, in.h.Dst}, 0
	if in.h.Dst.Compare(in.h.Src) < 0 {
		key, d = flowKey{TCP, in.h.Dst, in.h.Src}, 1
	}
	f := a.flows[key]
	if f == nil || f.ours == oursNo && f.talk == nil || !f.dir[d].started || len(in.h.Payload) == 0 {
		return
	}
	s := &f.dir[d]
	from := s.position(in.h.Seq)
	if from < s.next-int64(a.o.Remember) || from > s.next+int64(a.o.MaxAhead) {
		return
	}
	s.note(mark{
		from: from, to: from + int64(len(in.h.Payload)), packet: in.packet, at: in.h.PayloadStart,
		time: in.time, damaged: true,
	})
}

// open starts a direction at its SYN, which takes one sequence number
// (RFC 9293, section 3.4). The same SYN again changes nothing; another one is
// a new connection on the old ports.
func (f *flow) open(direction int, h *Headers) {
	s := &f.dir[direction]
	if s.started && s.fromSYN && s.base == h.Seq+1 {
		return
	}
	if !h.ACK && f.ours == oursNo {
		finishFlow(f)
		f.ours, f.talk = oursUnknown, nil
	}
	s.finish()
	s.start(h.Seq+1, true)
}

func (s *stream) start(sequence uint32, fromSYN bool) {
	buf, marks := s.buf[:0], s.marks[:0]
	*s = stream{
		a: s.a, flow: s.flow, src: s.src, dst: s.dst, buf: buf, marks: marks,
		started: true, fromSYN: fromSYN, base: sequence, searching: !fromSYN,
	}
	if s.flow.talk != nil {
		*s.side() = talkSide{}
		if !fromSYN {
			s.side().speaks = lost
		}
	}
}

// position turns a sequence number into a position, the one nearest to where
// the stream stands.
func (s *stream) position(sequence uint32) int64 {
	return s.next + int64(int32(sequence-s.base-uint32(s.next)))
}

// add takes the payload of one undamaged segment.
func (s *stream) add(in arrival) {
	h := in.h
	sequence := h.Seq
	if h.SYN {
		sequence++
	}
	if !s.started {
		s.start(sequence, false)
	}
	from := s.position(sequence)
	if from > s.next+farBytes || from < s.next-farBytes {
		if s.strays++; s.strays < straysUntilRestart {
			return
		}
		s.finish()
		s.start(sequence, false)
		from = 0
	}
	s.strays = 0
	before := s.next
	if s.searching && from == s.next && s.flow.ours == oursUnknown && s.a.o.Messages != nil && recognise(h.Payload) != lost {
		s.consume(len(s.bytes()))
		s.flow.disown()
	}
	s.place(from, h.Payload, 0, in)
	if cut := h.PayloadLength - len(h.Payload); cut > 0 {
		s.place(from+int64(len(h.Payload)), nil, cut, in)
	}
	if s.next > before {
		s.ackedBeyond = 0
	}
	s.read(in.time)
	for len(s.ahead) > 0 && (s.kept > s.a.o.MaxAhead || s.a.held > s.a.o.MaxHeld || len(s.ahead) > maxChunks) {
		s.giveUpHole(in.time)
	}
}

// place puts data where it belongs, or in its place a number of bytes that
// the capture cut off. What is there already is noted as a retransmission;
// the first copy of a byte stands.
func (s *stream) place(from int64, data []byte, missing int, in arrival) {
	m := mark{from: from, to: from + int64(len(data)+missing), packet: in.packet, at: in.h.PayloadStart, time: in.time}
	piece := func(from, to int64, again bool) {
		if from >= to {
			return
		}
		p := m.cut(from, to)
		p.again = again
		switch {
		case missing > 0 && !again:
			s.insert(chunk{from: from, missing: int(to - from)})
		case !again:
			s.insert(chunk{from: from, data: data[from-m.from : to-m.from]})
		}
		if missing == 0 {
			s.note(p)
		}
	}
	piece(from, min(m.to, s.next), true)
	at := max(from, s.next)
	first, _ := slices.BinarySearchFunc(s.ahead, at, func(c chunk, at int64) int { return cmp.Compare(c.to(), at) })
	for i := first; i < len(s.ahead) && at < m.to; i++ {
		c := s.ahead[i] // a copy: piece inserts before it, and then it comes again
		if c.to() <= at {
			continue
		}
		piece(at, min(m.to, c.from), false)
		piece(max(at, c.from), min(m.to, c.to()), true)
		at = max(at, c.to())
	}
	piece(at, m.to, false)
	s.pull()
}

// insert adds bytes that are new: to buf if they are next, else to ahead.
func (s *stream) insert(c chunk) {
	if c.from == s.next {
		s.extend(c)
		return
	}
	if c.missing == 0 {
		c.data = append(s.a.buffer(), c.data...)
	}
	i, _ := slices.BinarySearchFunc(s.ahead, c.from, func(x chunk, from int64) int { return cmp.Compare(x.from, from) })
	s.ahead = slices.Insert(s.ahead, i, c)
	s.kept += len(c.data)
	s.a.held += len(c.data)
}

// extend appends the next bytes.
func (s *stream) extend(c chunk) {
	if s.off > len(s.buf)/2 { // seldom, so that moving bytes costs little per frame
		s.buf, s.off = s.buf[:copy(s.buf, s.buf[s.off:])], 0
	}
	s.buf = append(s.buf, c.data...)
	s.next = c.to()
	if c.missing > 0 && s.hollow {
		s.skip(len(s.bytes()))
		s.head, s.searching = s.next, true
		s.a.stats.Gaps++
		s.a.stats.Missing += c.missing
	} else if c.missing > 0 {
		s.buf = append(s.buf, make([]byte, c.missing)...)
		s.holes = append(s.holes, hole{c.from, c.to()})
		s.a.zeros += c.missing
		s.a.stats.Gaps++
		s.a.stats.Missing += c.missing
	}
}

// pull moves chunks that are no longer beyond a hole.
func (s *stream) pull() {
	n := 0
	for n < len(s.ahead) && s.ahead[n].from == s.next {
		c := s.ahead[n]
		s.extend(c)
		s.kept -= len(c.data)
		s.a.held -= len(c.data)
		if c.missing == 0 {
			s.a.spare = append(s.a.spare, c.data)
		}
		n++
	}
	s.ahead = slices.Delete(s.ahead, 0, n)
}

// buffer returns memory for a chunk.
func (a *Assembler) buffer() []byte {
	if n := len(a.spare); n > 0 {
		b := a.spare[n-1]
		a.spare = a.spare[:n-1]
		return b[:0]
	}
	return nil
}
