package dissect

import (
	"time"

	"rawlab/framing"
)

// acknowledged learns from the other direction that the receiver has all
// bytes before sequence. If it goes on having bytes that the capture has not,
// they will not come any more.
func (s *stream) acknowledged(sequence uint32, t time.Time) {
	if !s.started || len(s.ahead) == 0 {
		return
	}
	if to := s.position(sequence); to <= s.next || to > s.next+farBytes {
		return
	}
	if s.ackedBeyond++; s.ackedBeyond >= acksUntilGap {
		s.ackedBeyond = 0
		s.giveUpHole(t)
	}
}

// giveUpHole goes on behind the first hole. If the frame that it tore is
// known to end behind it, the stream stays in step.
func (s *stream) giveUpHole(t time.Time) {
	to := s.ahead[0].from
	if s.flow.talk != nil {
		s.tearTalk(to)
		s.pull()
		s.read(t)
		return
	}
	missing := int(to - s.next)
	size, err := framing.Peek(s.bytes(), s.a.o.Limit)
	if s.flow.ours == oursYes && !s.searching && err == nil && s.head+int64(size) >= to {
		s.extend(chunk{from: s.next, missing: missing})
	} else {
		s.a.stats.Gaps++
		s.a.stats.Missing += missing
		torn := &GapError{Missing: missing}
		if err == nil {
			torn.Missing = size - len(s.bytes())
		}
		s.abandon(torn, t)
		s.dropHoles()
		s.buf, s.off = s.buf[:0], 0
		s.next, s.head = to, to
		s.forget()
		s.searching = true
	}
	s.pull()
	s.read(t)
}

// finish gives up on all that is missing, reports an unfinished frame and
// hands over those that a retransmission might have touched.
func (s *stream) finish() {
	if !s.started {
		return
	}
	t := s.flow.Last
	if s.flow.ours == oursUnknown && s.a.o.Messages != nil {
		s.flow.disown()
	}
	for len(s.ahead) > 0 && (s.flow.ours != oursNo || s.flow.talk != nil) {
		s.giveUpHole(t)
	}
	s.read(t)
	s.readLast(t)
	s.abandon(framing.ErrIncomplete, t)
	if s.flow.talk != nil {
		s.finishTalk(t)
	}
	s.handOver(len(s.recent))
	s.release()
	s.started = false
}

// dropHoles forgets the holes, along with the bytes.
func (s *stream) dropHoles() {
	for _, h := range s.holes {
		s.a.zeros -= int(h.to - h.from)
	}
	s.holes = nil
}

// tooHollow gives up the frame at head if too many bytes are missing from
// unfinished frames: a capture may claim any number of them. From then on
// what the stream lacks is passed over, and not looked into.
func (s *stream) tooHollow(t time.Time) {
	if s.a.zeros <= maxZeros || len(s.holes) == 0 {
		return
	}
	s.abandon(&GapError{Missing: int(s.holes[0].to - s.holes[0].from)}, t)
	s.searching, s.hollow = true, true
	s.consume(len(s.bytes()))
}

// release lets go of all bytes.
func (s *stream) release() {
	s.a.held -= s.kept
	s.dropHoles()
	s.a.recent -= len(s.recent)
	s.buf, s.off, s.ahead, s.kept, s.holes, s.marks, s.recent = nil, 0, nil, 0, nil, nil, nil
}

// bytes returns the bytes [head, next).
func (s *stream) bytes() []byte { return s.buf[s.off:] }
