package dissect

import (
	"math"
	"time"
)

// passing is a message whose bytes go by without being kept.
type passing struct {
	message *Message
	from    int64 // its first byte's position
	left    int64 // bytes to come; -1: until the stream ends
	missing int
}

// direction returns which of its flow's streams this is.
func (s *stream) direction() int {
	if s == &s.flow.dir[1] {
		return 1
	}
	return 0
}

func (s *stream) side() *talkSide { return &s.flow.talk.sides[s.direction()] }

// listenIn begins to follow a flow that is not ours.
func (f *flow) listenIn() {
	f.talk = &talk{}
	for i := range f.dir {
		if d := &f.dir[i]; d.started && (!d.fromSYN || d.head > 0) {
			f.talk.sides[i].speaks = lost
		}
	}
}

// converse reads all whole messages off the contiguous bytes, of a flow that
// is not ours.
func (s *stream) converse(t time.Time) {
	for s.started && len(s.bytes()) > 0 && s.say(t) {
	}
}

// say reads one message, or passes on what is here of it. It reports whether
// to go on.
func (s *stream) say(t time.Time) bool {
	side := s.side()
	if side.passing != nil {
		s.pass(len(s.bytes()))
		return true
	}
	here, torn := s.untilHole()
	if here == 0 {
		side.lose()
		s.consume(min(int(s.holes[0].to-s.head), len(s.bytes())))
		return true
	}
	b := s.bytes()[:here]
	if side.speaks == lost {
		return s.resume(here)
	}
	if side.speaks == unheard {
		var v verdict
		if side.speaks, v = hear(b, s.src, s.dst); v == found {
			return true
		} else if len(b) >= talkMaxUnit || torn {
			side.speaks = lost
			return true
		}
		return false
	}
	u, v := s.flow.talk.next(s.direction(), b)
	switch {
	case v == foreign:
		s.stray()
	case v == found && u.pass:
		s.open(u)
	case v == found:
		s.heard(u)
		s.flow.dir[1-s.direction()].converse(t) // it may have waited for this
	case torn && u.size > 0: // the rest of it is not in the capture
		u.sheets = []sheet{content(u.name, osiApplication, 0, placeOf(u.size), "Bytes of it are not in the capture, so it cannot be read.")}
		s.open(u)
	case torn || len(b) >= talkMaxUnit:
		s.stray()
	default:
		return false
	}
	return true
}

// untilHole returns how many bytes come before the first hole, and whether
// there is one.
func (s *stream) untilHole() (bytes int, torn bool) {
	if len(s.holes) == 0 {
		return len(s.bytes()), false
	}
	return int(max(s.holes[0].from-s.head, 0)), true
}

// stray gives up a message that began at head but went wrong. It may not be
// found there again, or reading would not end.
func (s *stream) stray() {
	s.side().lose()
	s.consume(1)
}

// lose notes that it is not known what comes next.
func (side *talkSide) lose() {
	side.speaks, side.waits, side.chunks, side.body = lost, false, false, 0
	side.tls.pending = nil
}

// resume looks for a message where a segment begins. All bytes before it are
// passed over.
func (s *stream) resume(here int) bool {
	for i := range s.marks {
		m := &s.marks[i]
		if m.from < s.head || m.again || m.damaged {
			continue
		}
		if m.from >= s.head+int64(here) {
			break
		}
		at := int(m.from - s.head)
		if d := recognise(s.bytes()[at:min(at+int(m.to-m.from), here)]); d != lost {
			s.side().speaks = d
			s.consume(at)
			return true
		}
	}
	s.consume(here)
	return true
}

// heard reports a message whose bytes are all here.
func (s *stream) heard(u unit) {
	m := s.newMessage(u)
	m.Length = int(u.size)
	to := s.head + u.size
	m.Parts, _, _ = s.carriers(to)
	if s.wanted(m) {
		s.remember(placed{from: s.head, to: to, message: m})
	}
	s.consume(int(u.size))
}

// wanted reports whether a message has a part in a packet that was asked for.
func (s *stream) wanted(m *Message) bool {
	for _, p := range m.Parts {
		if s.a.o.Messages(p.Packet) {
			return true
		}
	}
	return false
}

func (s *stream) newMessage(u unit) *Message {
	return &Message{Transport: TCP, Src: s.src, Dst: s.dst, Name: u.name, layers: u.sheets}
}

// open begins to pass on a message.
func (s *stream) open(u unit) {
	m := s.newMessage(u)
	to := int64(math.MaxInt64)
	if u.size >= 0 {
		to = s.head + u.size
	}
	m.Length = placeOf(max(u.size, 0))
	s.side().passing = &passing{message: m, from: s.head, left: u.size}
	s.remember(placed{from: s.head, to: to, message: m})
	s.pass(0)
}

// pass notes who carried the next n bytes of the message that goes by, or
// what of them is left of it.
func (s *stream) pass(n int) {
	p := s.side().passing
	if p.left >= 0 {
		n = int(min(int64(n), p.left))
		p.left -= int64(n)
	} else {
		p.message.Length += n
	}
	parts, _, _ := s.carriers(s.head + int64(n))
	for _, x := range parts {
		x.At += int(s.head - p.from)
		p.message.Parts = append(p.message.Parts, x)
	}
	_, missing := s.intact(n)
	p.lacks(missing)
	s.consume(n)
	if p.left == 0 {
		s.side().passing = nil
	}
}

func (p *passing) lacks(missing int) {
	if p.missing += missing; p.missing > 0 {
		p.message.Err = &GapError{Missing: p.missing}
	}
}

// passHole goes on behind a hole of the capture, and reports whether the
// message that goes by reaches beyond it.
func (s *stream) passHole(missing int) bool {
	p := s.side().passing
	if p == nil || p.left >= 0 && p.left < int64(missing) {
		return false
	}
	if p.left >= 0 {
		p.left -= int64(missing)
	} else {
		p.message.Length += missing
	}
	p.lacks(missing)
	if p.left == 0 {
		s.side().passing = nil
	}
	return true
}

// tearTalk goes on behind the first hole of a flow that is not ours.
func (s *stream) tearTalk(to int64) {
	side, missing := s.side(), int(to-s.next)
	s.a.stats.Gaps++
	s.a.stats.Missing += missing
	if side.passing == nil && len(s.bytes()) > 0 && side.speaks > lost {
		if u, v := s.flow.talk.next(s.direction(), s.bytes()); v == more && u.size > int64(len(s.bytes())) {
			u.sheets = []sheet{content(u.name, osiApplication, 0, placeOf(u.size), "Bytes of it are not in the capture, so it cannot be read.")}
			s.open(u)
			s.pass(len(s.bytes()))
		}
	}
	if !s.passHole(missing) {
		s.endPassing()
		side.lose()
	}
	s.dropHoles()
	s.buf, s.off = s.buf[:0], 0
	s.next, s.head = to, to
	s.forget()
}

// endPassing ends a message of which no more will come.
func (s *stream) endPassing() {
	side := s.side()
	if p := side.passing; p != nil {
		if p.left > 0 {
			p.lacks(int(min(p.left, math.MaxInt32)))
		}
		side.passing = nil
	}
}

// finishTalk reports what is unfinished of a flow that is not ours.
func (s *stream) finishTalk(t time.Time) {
	s.converse(t)
	side := s.side()
	if b := s.bytes(); side.passing == nil && side.speaks > lost && len(b) > 0 {
		if u, v := s.flow.talk.next(s.direction(), b); v == more && u.size > 0 {
			u.sheets = []sheet{content(u.name, osiApplication, 0, placeOf(u.size), "Its end is not in the capture, so it cannot be read.")}
			s.open(u)
			s.pass(len(b))
		}
	}
	s.endPassing()
}
