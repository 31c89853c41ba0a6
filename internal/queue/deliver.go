package queue

import (
	"errors"

	"rawlab/framing"
	"rawlab/internal/queue/fates"
)

// deliver does with a run of one topic what the topic's policy says.
func (s *Session) deliver(r *run, frames []byte, alone bool) {
	s.meter.receive(frames, r.count)
	switch {
	case r.refused != nil:
		s.refuse(r.name, frames, r.count, r.refused)
	case r.topic == nil:
		s.meter.expect(frames, r.count, 1)
		s.meter.dropAll(FateOffline, frames, r.count, 0)
	case r.topic.stored.Load():
		s.keep(r, frames, s.commit())
	default:
		s.fanOut(r, frames, alone || len(frames) >= largeRun)
	}
}

// keep gives a run to the topic's log.
func (s *Session) keep(r *run, frames []byte, c *commit) {
	s.commits.wait(c)
	name, count := r.name, r.count
	r.topic.append(frames, count, func(frames []byte, err error) {
		if err != nil {
			s.refuse(name, frames, count, err)
		} else {
			s.meter.note(frames, fates.Outcome{Stored: 1})
		}
		if s.commits.settle(c, &s.out) {
			s.flush()
			s.out.stir() // what could not be written at once
		}
	})
}

// refuse tells the emitter which events were not taken: the store is full,
// or there can be no such topic.
func (s *Session) refuse(topic string, frames []byte, count int, why error) {
	fate, code := FateServerQueue, framing.CodeFull
	if _, ok := errors.AsType[*PatternError](why); ok {
		fate, code = FateFrameInvalid, framing.CodeInvalid
	}
	if late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](why); ok && late.Timeout() {
		code = framing.CodeTimeout
	}
	s.meter.expect(frames, count, 1)
	s.meter.dropAll(fate, frames, count, 0)
	var refused framing.Ranges
	var from, to uint64
	for f := range each(frames) {
		if f.Sequence != to {
			refused = appendRange(refused, from, to)
			from = f.Sequence
		}
		to = f.Sequence + 1
		if s.seen != nil {
			s.seen.forget(f.Sequence, to)
		}
	}
	s.Reply(&framing.Frame{
		Kind: framing.KindNack, Code: code, Origin: s.origin,
		Topic: []byte(topic), Payload: appendRange(refused, from, to),
	})
}

func appendRange(r framing.Ranges, from, to uint64) framing.Ranges {
	if from == to {
		return r
	}
	return r.Append(from, to)
}

// largeRun is how many bytes are worth a write of their own.
const largeRun = 32 << 10

// fanOut hands a run to every subscriber: at once where that may be, into its
// live lane otherwise.
func (s *Session) fanOut(r *run, frames []byte, atOnce bool) {
	subs := r.topic.listeners()
	if r.topic == s.q.all {
		subs = s.q.attached.all()
	}
	s.meter.expect(frames, r.count, max(1, len(subs)))
	if len(subs) == 0 {
		s.meter.dropAll(FateOffline, frames, r.count, 0)
		return
	}
	s.batch.sealed = s.batch.sealed[:0]
	for _, sub := range subs {
		b := frames
		if sub.session.checksum {
			b = s.batch.seal(frames)
		}
		if !atOnce || !sub.session.direct(b, r.count) {
			sub.session.putLive(b, r.count, sub.overflow)
		}
	}
}

// seal returns frames with checksums, encoded once for all subscribers.
func (b *batch) seal(frames []byte) []byte {
	if len(b.sealed) == 0 {
		b.sealed = seal(b.sealed, frames)
	}
	return b.sealed
}

func seal(dst, frames []byte) []byte {
	for f := range each(frames) {
		f.Flags |= framing.FlagCRC
		dst = mustAppend(dst, &f)
	}
	return dst
}

// mustAppend encodes a frame that was decoded before, or is our own.
func mustAppend(dst []byte, f *framing.Frame) []byte {
	b, err := f.Append(dst)
	if err != nil {
		panic("queue: own frame cannot be encoded: " + err.Error())
	}
	return b
}

// putLive adds events of an ignored topic, as the overflow policy says.
func (s *Session) putLive(frames []byte, count int, overflow Overflow) {
	o := &s.out
	o.mu.Lock()
	for overflow == Block && !o.closed && !o.fits(&o.live, len(frames)) {
		o.room.Wait() // it has been signalled: there is a taker
	}
	switch {
	case o.closed:
		o.mu.Unlock()
		s.meter.dropAll(FateConnectionLost, frames, count, s.origin)
		return
	case o.fits(&o.live, len(frames)):
	case overflow == Disconnect:
		o.mu.Unlock()
		s.overflow(frames, count)
		return
	default:
		dropped, n := o.live.dropUntil(len(frames), o.limit)
		s.meter.dropAll(FateServerQueue, dropped, n, s.origin)
	}
	if o.live.count == 0 {
		o.signal()
	}
	o.live.put(frames, count)
	o.mu.Unlock()
}

// overflow drops everything live and disconnects the subscriber.
func (s *Session) overflow(frames []byte, count int) {
	s.End(framing.CodeFull, "reads too slowly: the outbox is full")
	s.out.mu.Lock()
	waiting, n := s.out.live.swap(nil)
	s.out.mu.Unlock()
	s.meter.dropAll(FateServerQueue, waiting, n, s.origin)
	s.meter.dropAll(FateServerQueue, frames, count, s.origin)
}
