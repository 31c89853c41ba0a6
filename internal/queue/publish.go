package queue

import (
	"fmt"

	"rawlab/framing"
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
