package queue

import (
	"errors"
	"fmt"

	"rawlab/framing"
)

// batch is what a session has published since the last Commit: encoded
// event frames end to end, in runs of one topic.
type batch struct {
	frames []byte
	runs   []run
	sealed []byte   // scratch: a run's frames with checksums
	acks   []uint64 // sequences to acknowledge, the last of a run of one stream
}

// run is consecutive frames for one topic; a nil topic has no subscriber.
type run struct {
	topic      *topic
	refused    error // why nothing can be emitted there
	name       string
	start, end int
	count      int
}

const maxIdleBatch = 256 << 10 // a larger buffer is given back after Commit

// Publish gathers an emit frame, which may be reused afterwards. Nothing is
// delivered before Commit. It fails with [framing.ErrInvalid] for an event
// without a topic or number.
func (s *Session) Publish(f *framing.Frame) error {
	if len(f.Topic) == 0 || f.Sequence == 0 {
		return fmt.Errorf("%w: event without topic or sequence", framing.ErrInvalid)
	}
	b := &s.batch
	r := b.run(s.q, f.Topic)
	e := framing.Frame{Kind: framing.KindEvent, Origin: f.Origin, Sequence: f.Sequence, Time: f.Time, Topic: f.Topic, Payload: f.Payload}
	frames, err := e.Append(b.frames)
	if err != nil {
		return err
	}
	b.frames = frames
	r.end, r.count = len(frames), r.count+1
	if f.Flags&framing.FlagWantAck != 0 {
		b.want(f.Sequence)
	}
	return nil
}

// run returns the batch's last run, which is one for that topic.
func (b *batch) run(q *Queue, topic []byte) *run {
	if n := len(b.runs); n > 0 && b.runs[n-1].name == string(topic) {
		return &b.runs[n-1]
	}
	r := run{start: len(b.frames)}
	if r.topic, r.refused = q.find(topic); r.topic != nil {
		r.name = r.topic.name
	} else {
		r.name = string(topic)
	}
	b.runs = append(b.runs, r)
	return &b.runs[len(b.runs)-1]
}

// want notes that a sequence is to be acknowledged, and with it those before
// it in its stream.
func (b *batch) want(sequence uint64) {
	stream, _ := framing.SplitSequence(sequence)
	if n := len(b.acks); n > 0 {
		if last, _ := framing.SplitSequence(b.acks[n-1]); last == stream {
			b.acks[n-1] = sequence
			return
		}
	}
	b.acks = append(b.acks, sequence)
}

// Commit delivers what was published since the last one, then acknowledges
// it: an ack answers for everything of its stream up to its sequence, what
// was refused among it has been named in a nack. Stored events are delivered
// and acknowledged once they are safe, for which Commit does not wait; see
// Settle. Call it once per chunk read.
func (s *Session) Commit() {
	b := &s.batch
	c := s.commits.begin()
	for i := range b.runs {
		s.deliver(&b.runs[i], c)
	}
	s.commits.end(c, b.acks, &s.out)
	clear(b.runs)
	b.acks, b.runs, b.frames, b.sealed = b.acks[:0], b.runs[:0], b.frames[:0], b.sealed[:0]
	if cap(b.frames) > maxIdleBatch {
		b.frames, b.sealed = nil, nil
	}
}

func (s *Session) deliver(r *run, c *commit) {
	frames := s.batch.frames[r.start:r.end]
	s.meter.received.Add(uint64(r.count))
	s.meter.tellAll(Received, "", frames, 0)
	switch {
	case r.refused != nil:
		s.refuse(r.name, frames, r.count, r.refused)
	case r.topic == nil:
		s.meter.dropAll(FateOffline, frames, r.count, 0)
	case r.topic.stored.Load():
		s.keep(r, frames, c)
	default:
		s.fanOut(r, frames)
	}
}

// keep gives a run to the topic's log.
func (s *Session) keep(r *run, frames []byte, c *commit) {
	s.commits.wait(c)
	name, count := r.name, r.count
	r.topic.append(frames, count, func(frames []byte, err error) {
		if err != nil {
			s.refuse(name, frames, count, err)
		}
		s.commits.settle(c, &s.out)
	})
}

// refuse tells the emitter which events were not taken: the store is full,
// or there can be no such topic.
func (s *Session) refuse(topic string, frames []byte, count int, why error) {
	fate, code := FateServerQueue, framing.CodeFull
	if _, ok := errors.AsType[*PatternError](why); ok {
		fate, code = FateFrameInvalid, framing.CodeInvalid
	}
	s.meter.dropAll(fate, frames, count, 0)
	var refused framing.Ranges
	var from, to uint64
	for f := range each(frames) {
		if f.Sequence != to {
			refused = appendRange(refused, from, to)
			from = f.Sequence
		}
		to = f.Sequence + 1
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

// fanOut puts a run into the live lane of every subscriber.
func (s *Session) fanOut(r *run, frames []byte) {
	subs := r.topic.listeners()
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
		sub.session.putLive(b, r.count)
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
func (s *Session) putLive(frames []byte, count int) {
	o := &s.out
	o.mu.Lock()
	for o.overflow == Block && !o.closed && !o.fits(&o.live, len(frames)) {
		o.room.Wait()
	}
	switch {
	case o.closed:
		o.mu.Unlock()
		s.meter.dropAll(FateConnectionLost, frames, count, s.origin)
		return
	case o.fits(&o.live, len(frames)):
	case o.overflow == Disconnect:
		o.mu.Unlock()
		s.overflow(frames, count)
		return
	default:
		dropped, n := o.live.dropUntil(len(frames), o.limit)
		s.meter.dropAll(FateServerQueue, dropped, n, s.origin)
	}
	idle := o.live.count == 0
	o.live.put(frames, count)
	o.mu.Unlock()
	if idle {
		o.signal()
	}
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
