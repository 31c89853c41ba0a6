package queue

import (
	"errors"
	"fmt"

	"rawlab/framing"
	"rawlab/internal/queue/fates"
)

// batch is what a session has published since the last Commit: encoded
// event frames end to end, in runs of one topic.
type batch struct {
	frames   []byte
	runs     []run
	sealed   []byte   // scratch: a run's frames with checksums
	acks     []uint64 // sequences to acknowledge, the last of a run of one stream
	refusals []refusal
	commit   *commit // that a store is to answer for, nil if none yet
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
	if err := publishable(f); err != nil {
		return err
	}
	if f.Flags&(framing.FlagRequest|framing.FlagReply) != 0 {
		return s.converse(f)
	}
	b := &s.batch
	if f.Flags&framing.FlagWantAck != 0 {
		b.want(f.Sequence)
	}
	if !s.isNew(f.Sequence) {
		return nil
	}
	r := b.run(s.q, f.Topic)
	e := framing.Frame{Kind: framing.KindEvent, Origin: f.Origin, Sequence: f.Sequence, Time: f.Time, Topic: f.Topic, Payload: f.Payload}
	frames, err := e.Append(b.frames)
	if err != nil {
		return err
	}
	b.frames = frames
	r.end, r.count = len(frames), r.count+1
	return nil
}

func publishable(f *framing.Frame) error {
	if len(f.Topic) == 0 || f.Sequence == 0 {
		return fmt.Errorf("%w: event without topic or sequence", framing.ErrInvalid)
	}
	return nil
}

// PublishRun delivers plain emits as they lie in the reader's buffer, after
// what was gathered before them. Their acknowledgement waits for Commit. With
// alone, nothing else of the chunk read follows.
func (s *Session) PublishRun(f *framing.Run, alone bool) {
	s.deliverGathered()
	if s.seen == nil || s.seen.accept(f.Sequence, f.Count) {
		s.publishRun(f, alone)
	} else {
		s.publishNew(f, alone)
	}
	if f.WantAck {
		s.batch.want(f.Last())
	}
}

func (s *Session) publishRun(f *framing.Run, alone bool) {
	r := run{count: f.Count}
	r.find(s.q, f.Topic)
	s.deliver(&r, f.Frames, alone)
}

// converse sends a request or a reply at once, behind what was gathered.
func (s *Session) converse(f *framing.Frame) error {
	s.Commit()
	if f.Flags&framing.FlagWantAck != 0 {
		s.batch.want(f.Sequence)
	}
	if f.Flags&framing.FlagReply != 0 {
		return s.reply(f)
	}
	s.request(f)
	return nil
}

// run returns the batch's last run, which is one for that topic.
func (b *batch) run(q *Queue, topic []byte) *run {
	if n := len(b.runs); n > 0 && b.runs[n-1].name == string(topic) {
		return &b.runs[n-1]
	}
	r := run{start: len(b.frames)}
	r.find(q, topic)
	b.runs = append(b.runs, r)
	return &b.runs[len(b.runs)-1]
}

func (r *run) find(q *Queue, topic []byte) {
	if r.topic, r.refused = q.find(topic); r.topic != nil {
		r.name = r.topic.name
	} else {
		r.name = string(topic)
	}
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
	s.deliverGathered()
	s.nackRefusals()
	b := &s.batch
	if b.commit != nil || len(b.acks) > 0 {
		s.commits.end(s.commit(), b.acks, &s.out)
		b.commit, b.acks = nil, b.acks[:0]
	}
	s.flush()
}

// commit returns what the runs since the last Commit belong to.
func (s *Session) commit() *commit {
	if s.batch.commit == nil {
		s.batch.commit = s.commits.begin()
	}
	return s.batch.commit
}

func (s *Session) deliverGathered() {
	b := &s.batch
	if len(b.runs) == 0 {
		return
	}
	for i := range b.runs {
		r := &b.runs[i]
		s.deliver(r, b.frames[r.start:r.end], len(b.runs) == 1)
	}
	clear(b.runs)
	b.runs, b.frames, b.sealed = b.runs[:0], b.frames[:0], b.sealed[:0]
	if cap(b.frames) > maxIdleBatch {
		b.frames, b.sealed = nil, nil
	}
}

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
