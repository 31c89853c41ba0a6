package queue

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"rawlab/framing"
)

// DefaultMaxRequests bounds the requests of a session that wait for a reply.
const DefaultMaxRequests = 1024

// A request is a question to who listens now: it goes to every session that
// listens to its topic and is never stored. The first reply ends it.

// requests is those that wait for a reply. Its lock is taken last but for
// outboxes.
type requests struct {
	mu   sync.Mutex
	open map[identity]*request
}

// identity names an event.
type identity struct{ origin, sequence uint64 }

// request is one question. Its fields are guarded by requests.mu.
type request struct {
	id    identity
	from  *Session
	topic string
	asked []*Session // who may still reply
}

// dialogue is a session's part in requests, guarded by requests.mu.
type dialogue struct {
	owed   map[identity]*request // asked of it, and not replied to
	asking map[identity]*request // its own
	over   bool                  // it neither asks nor is asked any more
}

// request sends an event to all who listen and may reply.
func (s *Session) request(f *framing.Frame) {
	event := mustAppend(nil, &framing.Frame{
		Kind: framing.KindEvent, Flags: framing.FlagRequest, Origin: f.Origin, Sequence: f.Sequence,
		Time: f.Time, Topic: f.Topic, Payload: f.Payload,
	})
	s.meter.receive(event, 1)
	listeners, err := s.q.askable(f.Topic)
	if err != nil {
		s.meter.expect(event, 1, 1)
		s.meter.dropAll(FateFrameInvalid, event, 1, 0)
		s.answerFailed(f, framing.CodeInvalid, err.Error())
		return
	}
	if code, words := s.q.requests.begin(s, f, listeners, s.maxRequests); code != framing.CodeOK {
		s.meter.expect(event, 1, 1)
		s.meter.dropAll(fateOf(code), event, 1, 0)
		s.answerFailed(f, code, words)
		return
	}
	s.meter.expect(event, 1, len(listeners))
	s.batch.sealed = s.batch.sealed[:0]
	for _, sub := range listeners {
		b := event
		if sub.session.checksum {
			b = s.batch.seal(event)
		}
		sub.session.hand(b, sub.overflow)
	}
}

func fateOf(code framing.Code) Fate {
	if code == framing.CodeNobody {
		return FateOffline
	}
	return FateServerQueue
}

// askable returns who listens to a topic now, whatever its policy.
func (q *Queue) askable(name []byte) ([]*subscription, error) {
	t, err := q.find(name)
	switch {
	case err != nil || t == nil:
		return nil, err
	case t == q.all:
		return nil, &PatternError{Broadcast, 1, "a request is answered by one, and this goes to all"}
	case t.stored.Load():
		return t.subscribers(), nil
	}
	return t.listeners(), nil
}

// answerFailed tells the requester that there will be no reply.
func (s *Session) answerFailed(f *framing.Frame, code framing.Code, words string) {
	s.Reply(&framing.Frame{
		Kind: framing.KindError, Code: code, Origin: f.Origin, Sequence: f.Sequence, Topic: f.Topic, Payload: []byte(words),
	})
}

// begin notes whom a request is asked, or says why it cannot be.
func (r *requests) begin(s *Session, f *framing.Frame, listeners []*subscription, limit int) (framing.Code, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(s.asking) >= limit {
		return framing.CodeLimit, fmt.Sprintf("%d requests wait for a reply already", limit)
	}
	q := &request{id: identity{f.Origin, f.Sequence}, from: s, topic: string(f.Topic)}
	for _, sub := range listeners {
		if !sub.session.over {
			q.asked = append(q.asked, sub.session)
		}
	}
	if len(q.asked) == 0 {
		return framing.CodeNobody, fmt.Sprintf("nobody listens to %s", f.Topic)
	}
	if r.open[q.id] != nil {
		return framing.CodeInvalid, "a request of that number waits already"
	}
	if r.open == nil {
		r.open = make(map[identity]*request)
	}
	r.open[q.id] = q
	note(&s.asking, q)
	for _, asked := range q.asked {
		note(&asked.owed, q)
	}
	return framing.CodeOK, ""
}

func note(m *map[identity]*request, q *request) {
	if *m == nil {
		*m = make(map[identity]*request)
	}
	(*m)[q.id] = q
}

// end forgets a request. The caller holds mu.
func (r *requests) end(q *request) {
	delete(r.open, q.id)
	delete(q.from.asking, q.id)
	for _, asked := range q.asked {
		delete(asked.owed, q.id)
	}
}

// take ends the request that s replies to, and returns who asked: nil and the
// fate of the reply if nobody waits for it, or s was not asked.
func (r *requests) take(id identity, s *Session) (*Session, Fate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.open[id]
	switch {
	case q == nil:
		return nil, FateOffline
	case s.owed[id] == nil:
		return nil, FateUnauthorized
	}
	r.end(q)
	return q.from, ""
}

// reply sends an event to who asked for it.
func (s *Session) reply(f *framing.Frame) error {
	body, err := framing.ParseReply(f.Payload)
	if err != nil {
		return err
	}
	event := framing.Frame{
		Kind: framing.KindEvent, Flags: framing.FlagReply, Origin: f.Origin, Sequence: f.Sequence,
		Time: f.Time, Topic: f.Topic, Payload: f.Payload,
	}
	to, fate := s.q.requests.take(identity{body.Origin, body.Sequence}, s)
	if to != nil {
		to.sealed(&event)
	}
	b := mustAppend(nil, &event)
	s.meter.receive(b, 1)
	s.meter.expect(b, 1, 1)
	if to == nil {
		s.meter.dropAll(fate, b, 1, 0)
		return nil
	}
	to.hand(b, to.out.overflow)
	return nil
}

// hand writes one event at once where that may be, and else lets it wait.
func (s *Session) hand(event []byte, overflow Overflow) {
	if !s.direct(event, 1) {
		s.putLive(event, 1, overflow)
	}
}

// Forget says that the session waits no longer for a reply to its request.
func (s *Session) Forget(sequence uint64) {
	r := &s.q.requests
	r.mu.Lock()
	defer r.mu.Unlock()
	if q := s.asking[identity{s.origin, sequence}]; q != nil {
		r.end(q)
	}
}

// partFromRequests ends the session's own requests, and tells those who asked
// nobody else that there will be no reply.
func (s *Session) partFromRequests() {
	for _, q := range s.q.requests.abandon(s) {
		q.from.Reply(&framing.Frame{
			Kind: framing.KindError, Code: framing.CodeGone, Origin: q.id.origin, Sequence: q.id.sequence,
			Topic: []byte(q.topic), Payload: fmt.Appendf(nil, "everybody who listened to %s has gone without a reply", q.topic),
		})
	}
}

// abandon returns the requests that nobody is left to reply to.
func (r *requests) abandon(s *Session) (lost []*request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.over = true
	for _, q := range slices.Collect(maps.Values(s.asking)) {
		r.end(q)
	}
	for _, q := range s.owed {
		q.asked = slices.DeleteFunc(q.asked, func(asked *Session) bool { return asked == s })
		if len(q.asked) == 0 {
			lost = append(lost, q)
		}
	}
	for _, q := range lost {
		r.end(q)
	}
	slices.SortFunc(lost, byIdentity)
	s.owed = nil
	return lost
}

func byIdentity(a, b *request) int {
	return slices.Compare([]uint64{a.id.origin, a.id.sequence}, []uint64{b.id.origin, b.id.sequence})
}
