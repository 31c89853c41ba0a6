package dissect

import (
	"cmp"
	"slices"
	"time"

	"rawlab/framing"
)

// read takes all whole frames off the contiguous bytes.
func (s *stream) read(t time.Time) {
	for s.started && s.flow.ours != oursNo && len(s.bytes()) > 0 {
		if !s.inStep(false) {
			break
		}
		size, err := framing.Peek(s.bytes(), s.a.o.Limit)
		if err == framing.ErrIncomplete {
			break
		}
		if err != nil {
			s.searching = true
			s.skip(1)
			continue
		}
		if len(s.bytes()) < size {
			s.tooHollow(t)
			break
		}
		s.complete(size, t)
	}
	if s.flow.talk != nil {
		s.converse(t)
	}
	s.settle()
}

// readLast reads when no more bytes will come.
func (s *stream) readLast(t time.Time) {
	if s.flow.ours != oursNo && s.searching && s.inStep(true) {
		s.read(t)
	}
}

// inStep reports whether buf begins with a frame, and looks for one if that
// is not known. It also decides whether the flow is ours at all: a stream
// seen from its SYN must begin with a frame, any other must have one soon.
func (s *stream) inStep(final bool) bool {
	f := s.flow
	if f.ours == oursUnknown && !s.searching {
		switch {
		case len(s.bytes()) < headerEnd:
			return false
		case !plausible(s.bytes(), s.a.o.Limit):
			f.disown()
			return false
		}
		f.ours = oursYes
	}
	if !s.searching {
		return true
	}
	n, found := findFrame(s.bytes(), s.a.o.Limit, final && f.ours == oursYes)
	s.skip(n)
	if found {
		s.searching, f.ours = false, oursYes
		return true
	}
	if s.scanned += n; f.ours == oursUnknown && s.scanned > maxScan {
		f.disown()
	}
	return false
}

// disown decides that the flow is not ours.
func (f *flow) disown() {
	f.ours = oursNo
	if f.dir[0].a.o.Messages != nil {
		f.listenIn()
		f.dir[0].converse(f.Last)
		f.dir[1].converse(f.Last)
		return
	}
	f.dir[0].release()
	f.dir[1].release()
}

// skip passes over bytes in which there is no frame.
func (s *stream) skip(n int) {
	if s.flow.ours == oursYes {
		s.a.stats.Skipped += n
	}
	s.consume(n)
}

// consume drops n bytes from the front.
func (s *stream) consume(n int) {
	if s.off += n; s.off == len(s.buf) {
		s.buf, s.off = s.buf[:0], 0
		if len(s.holes) > 0 {
			s.buf = nil // it may have been large, for nothing
		}
	}
	s.head += int64(n)
	s.forget()
	s.holes = slices.DeleteFunc(s.holes, func(h hole) bool {
		over := h.to <= s.head
		if over {
			s.a.zeros -= int(h.to - h.from)
		}
		return over
	})
}

// forget drops the marks that end before head: many at once, so that moving
// the others costs little per frame.
func (s *stream) forget() {
	n := 0
	for n < len(s.marks) && s.marks[n].to <= s.head {
		n++
	}
	if n == len(s.marks) || n >= 64 {
		s.marks = slices.Delete(s.marks, 0, n)
	}
}

// complete turns the first size bytes of buf into a frame.
func (s *stream) complete(size int, t time.Time) {
	b := s.bytes()[:size]
	f := s.newFrame(size, t)
	if intact, missing := s.intact(size); missing > 0 {
		f.Err = &GapError{Missing: missing}
		f.claim(b[:intact])
	} else {
		s.a.decode(f, b)
	}
	s.report(f, s.head+int64(size))
	if f.Err == nil {
		s.a.addPiece(f, b)
	}
	s.consume(size)
}

// intact returns how many bytes of the frame at head come before its first
// hole, and how many are missing from it.
func (s *stream) intact(size int) (before, missing int) {
	before = size
	end := s.head + int64(size)
	for _, h := range s.holes {
		if h.from >= end {
			break
		}
		from := max(h.from, s.head)
		before = min(before, int(from-s.head))
		missing += int(min(h.to, end) - from)
	}
	return before, missing
}

// abandon reports the unfinished frame at head, if there is one.
func (s *stream) abandon(err error, t time.Time) {
	b := s.bytes()
	if s.flow.ours != oursYes || s.searching || len(b) == 0 {
		return
	}
	size, sizeErr := framing.Peek(b, s.a.o.Limit)
	if sizeErr != nil {
		size = 0
	}
	f := s.newFrame(size, t)
	f.Err = err
	intact, _ := s.intact(len(b))
	f.claim(b[:intact])
	s.report(f, s.head+int64(max(size, len(b))))
}

func (s *stream) newFrame(size int, t time.Time) *Frame {
	f := s.a.newFrame()
	f.Transport, f.Src, f.Dst = TCP, s.src, s.dst
	f.Length, f.Last = size, t
	return f
}

// report gives a frame that begins at head the packets that carried it.
func (s *stream) report(f *Frame, to int64) {
	parts, first, came := s.carriers(to)
	if len(parts) == 0 {
		return
	}
	f.Parts = parts
	if f.First.IsZero() || first.Before(f.First) {
		f.First = first
	}
	if f.Err == nil && !came.IsZero() {
		f.Waited = f.Last.Sub(came)
	}
	s.flow.count(f)
	s.remember(placed{from: s.head, to: to, frame: f})
}

// remember keeps what was found, for its retransmissions, and hands it over
// if nobody wants to wait for them.
func (s *stream) remember(p placed) {
	s.recent = append(s.recent, p)
	s.a.recent++
	if s.a.o.Early {
		s.a.hand(p)
	}
}

// carriers returns the packets that carried the bytes from head up to a
// position, when the first of them was captured, and when the last of the
// bytes came.
func (s *stream) carriers(to int64) (parts []Part, first, came time.Time) {
	overlaps := func(m *mark) bool { return m.to > s.head && m.from < to }
	n := 0
	for i := range s.marks {
		if s.marks[i].from >= to {
			break
		}
		if overlaps(&s.marks[i]) {
			n++
		}
	}
	if n == 0 {
		return nil, first, came
	}
	parts = s.a.newParts(n)
	for i := range s.marks {
		m := &s.marks[i]
		if m.from >= to {
			break
		}
		if !overlaps(m) {
			continue
		}
		parts = append(parts, m.part(s.head, to))
		if !m.again && !m.damaged && m.time.After(came) {
			came = m.time
		}
		if first.IsZero() || m.time.Before(first) {
			first = m.time
		}
	}
	if n > 1 {
		slices.SortStableFunc(parts, comparePacket)
	}
	return parts, first, came
}

func comparePacket(x, y Part) int {
	return cmp.Or(cmp.Compare(x.Packet, y.Packet), cmp.Compare(x.At, y.At))
}

// note remembers who carried a range: with its frame if that is finished,
// else for the frame to come.
func (s *stream) note(m mark) {
	if m.from < s.head {
		s.attach(m.cut(m.from, min(m.to, s.head)))
	}
	if m.to <= s.head {
		return
	}
	if len(s.marks) >= maxMarks && (m.again || m.damaged) {
		return
	}
	m = m.cut(max(m.from, s.head), m.to)
	i := len(s.marks)
	if i > 0 && s.marks[i-1].from > m.from {
		i, _ = slices.BinarySearchFunc(s.marks, m.from+1, func(x mark, from int64) int { return cmp.Compare(x.from, from) })
	}
	s.marks = slices.Insert(s.marks, i, m)
}

// attach adds a late copy to the finished frames it belongs to.
func (s *stream) attach(m mark) {
	i, _ := slices.BinarySearchFunc(s.recent, m.from+1, func(p placed, from int64) int { return cmp.Compare(p.to, from) })
	for ; i < len(s.recent) && s.recent[i].from < m.to; i++ {
		p := &s.recent[i]
		parts := p.parts()
		*parts = append(*parts, m.part(p.from, p.to))
	}
}

// settle hands over frames too old to be retransmitted: many at once, so that
// moving the others costs little per frame.
func (s *stream) settle() {
	if n := len(s.recent) / 8; n > 0 && s.recent[n-1].to < s.next-int64(s.a.o.Remember) {
		s.handOver(n)
	}
	if s.a.recent > maxRecent {
		for _, f := range s.a.order {
			f.dir[0].handOver((len(f.dir[0].recent) + 1) / 2)
			f.dir[1].handOver((len(f.dir[1].recent) + 1) / 2)
		}
	}
}

// handOver gives up waiting for retransmissions of the n oldest finished
// frames, and gives them to the caller unless it has them.
func (s *stream) handOver(n int) {
	if !s.a.o.Early {
		for _, p := range s.recent[:n] {
			s.a.hand(p)
		}
	}
	s.recent = slices.Delete(s.recent, 0, n)
	s.a.recent -= n
}

// cut narrows a mark to the range [from, to).
func (m mark) cut(from, to int64) mark {
	m.at += int(from - m.from)
	m.from, m.to = from, to
	return m
}

// part tells what of the frame at [from, to) the mark carried.
func (m *mark) part(from, to int64) Part {
	c := m.cut(max(m.from, from), min(m.to, to))
	return Part{
		Packet: c.packet, From: c.at, To: c.at + int(c.to-c.from), At: int(c.from - from),
		Retransmission: c.again, Damaged: c.damaged,
	}
}
