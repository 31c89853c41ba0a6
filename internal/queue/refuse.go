package queue

import (
	"maps"
	"slices"

	"rawlab/framing"
)

// refusal is events of one topic that their sender may not emit.
type refusal struct {
	topic  string
	code   framing.Code
	ranges framing.Ranges
	from   uint64 // the last range, still growing: from up to, not including, to
	to     uint64
}

// Refuse answers for an emit frame that is not to be published: it has met
// its fate, and the next Commit names it in a nack before it is acknowledged.
// Like Publish it fails for an event without a topic or number.
func (s *Session) Refuse(f *framing.Frame, fate Fate, code framing.Code) error {
	if err := publishable(f); err != nil {
		return err
	}
	s.meter.Drop(fate, f)
	s.batch.refuse(f.Topic, f.Sequence, 1, code)
	if f.Flags&framing.FlagWantAck != 0 {
		s.batch.want(f.Sequence)
	}
	return nil
}

// RefuseRun is Refuse for a whole run.
func (s *Session) RefuseRun(r *framing.Run, fate Fate, code framing.Code) {
	s.meter.expect(r.Frames, r.Count, 1)
	s.meter.dropAll(fate, r.Frames, r.Count, 0)
	s.batch.refuse(r.Topic, r.Sequence, uint64(r.Count), code)
	if r.WantAck {
		s.batch.want(r.Last())
	}
}

func (b *batch) refuse(topic []byte, sequence, count uint64, code framing.Code) {
	n := len(b.refusals)
	if n == 0 || b.refusals[n-1].topic != string(topic) || b.refusals[n-1].code != code {
		b.refusals = append(b.refusals, refusal{topic: string(topic), code: code, from: sequence, to: sequence})
		n++
	}
	r := &b.refusals[n-1]
	if sequence != r.to {
		r.ranges = appendRange(r.ranges, r.from, r.to)
		r.from = sequence
	}
	r.to = sequence + count
}

// nackRefusals tells the emitter what was refused.
func (s *Session) nackRefusals() {
	for _, r := range s.batch.refusals {
		s.Reply(&framing.Frame{
			Kind: framing.KindNack, Code: r.code, Origin: s.origin,
			Topic: []byte(r.topic), Payload: appendRange(r.ranges, r.from, r.to),
		})
	}
	s.batch.refusals = slices.Delete(s.batch.refusals, 0, len(s.batch.refusals))
}

// Topics returns what the session listens to, topics and patterns.
func (s *Session) Topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := slices.Collect(maps.Keys(s.subs))
	topics = slices.AppendSeq(topics, maps.Keys(s.patterns))
	slices.Sort(topics)
	return topics
}
