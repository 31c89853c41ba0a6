package queue

import (
	"fmt"
	"maps"
	"slices"

	"rawlab/framing"
)

// patternSub is one session listening to all topics of a pattern. That of a
// named client stays when its session goes, so that topics which match are
// stored meanwhile. Its fields are guarded by Queue.mu.
//
// Ignored topics share the one subscription live. Stored ones need a place in
// each log: there the session joins the topic itself, see Session.matched.
type patternSub struct {
	pattern string
	name    string   // of a named client
	session *Session // nil while that is away
	live    *subscription
	terms   terms
	receipt framing.Receipt // what it was answered
}

// DefaultMaxMatched bounds the stored topics that the patterns of a session
// may match.
const DefaultMaxMatched = 16_384

// subscribePattern starts the delivery of all topics of a pattern. The caller
// holds s.mu.
func (s *Session) subscribePattern(pattern string, request uint64, wish framing.Subscribe) error {
	if p := s.patterns[pattern]; p != nil {
		s.Reply(receiptFrame(pattern, request, &p.receipt))
		return nil
	}
	terms, err := s.agree(wish)
	if err == nil && terms.delivery == framing.AtLeastOnce && s.name == "" {
		err = fmt.Errorf("%w: what a pattern matches is stored for clients with a name only, and without a log nothing can be delivered at least once", framing.ErrInvalid)
	}
	if err != nil {
		return err
	}
	if err := s.q.refreshPattern(pattern); err != nil {
		return fmt.Errorf("subscribing to %q: %w", pattern, err)
	}
	if s.name != "" {
		if err := s.q.register(pattern, s.name, wish); err != nil {
			return fmt.Errorf("subscribing to %q: %w", pattern, err)
		}
	}
	joined, err := s.q.joinAll(pattern, s, request, wish, terms)
	if err != nil {
		s.q.leaveAll(joined)
		return fmt.Errorf("subscribing to %q: %w", pattern, err)
	}
	return nil
}

// joinAll joins every stored topic that matches, each with a receipt if
// something was missed there, and answers with one for the whole pattern:
// its offsets count over all topics, the expired ones first. When it fails,
// it returns what is to be left again.
func (q *Queue) joinAll(pattern string, s *Session, request uint64, wish framing.Subscribe, terms terms) (joined []*subscription, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.standing(pattern, s)
	if p == nil {
		return nil, nil // the session has ended
	}
	p.terms, p.live.terms = terms, terms
	var expired uint64
	p.receipt = framing.Receipt{Epoch: q.Epoch()}
	for _, t := range q.matching(pattern) {
		sub, err := q.joinMatched(t, p, wish)
		if err == nil && p.name != "" {
			err = t.suits(&terms)
		}
		if err != nil {
			return s.part(p), err
		}
		if sub != nil {
			p.receipt.To += sub.receipt.To - sub.receipt.From
			p.receipt.Replayed += sub.receipt.Replayed
			expired += sub.receipt.Expired.Total()
		}
	}
	p.receipt.Expired = appendRange(nil, 0, expired)
	s.out.putReceipt(s.sealed(receiptFrame(pattern, request, &p.receipt)), nil)
	if p.name == "" {
		q.patterns.add(p)
	}
	if s.patterns == nil {
		s.patterns = make(map[string]*patternSub)
	}
	s.patterns[pattern] = p
	q.generate()
	return nil, nil
}

// standing returns the named client's pattern, or a new one, as that of
// session s; nil if the client has it in a newer session.
func (q *Queue) standing(pattern string, s *Session) *patternSub {
	p := q.away[pattern][s.name]
	if p == nil {
		p = &patternSub{pattern: pattern}
	}
	if p.session != nil && p.session != s && !s.displaces(p.session) {
		return nil
	}
	p.session, p.live = s, &subscription{session: s}
	return p
}

// matching returns the topics that match a pattern, by their names.
func (q *Queue) matching(pattern string) []*topic {
	var topics []*topic
	for _, name := range slices.Sorted(maps.Keys(q.topics)) {
		if Match(pattern, name) {
			topics = append(topics, q.topics[name])
		}
	}
	return topics
}

// joinMatched lets the pattern's session join a stored topic, unless it
// listens there already. The caller holds q.mu.
func (q *Queue) joinMatched(t *topic, p *patternSub, wish framing.Subscribe) (*subscription, error) {
	s := p.session
	if !t.stored.Load() || t.heardBy(s) != nil {
		return nil, nil
	}
	if len(s.matched) >= s.maxMatched {
		return nil, &LimitError{"stored topics that match", s.maxMatched}
	}
	if _, err := t.prepare(s.name, wish); err != nil {
		return nil, err
	}
	sub, fresh := t.join(s, wish, p.terms, func(sub *subscription) *framing.Frame {
		if sub.receipt.To > sub.receipt.From {
			return sub.receiptFrame(0)
		}
		return nil
	})
	if !fresh {
		return nil, nil // it listens by the name since a moment ago
	}
	t.users++
	s.setMatched(sub)
	return sub, nil
}

func (s *Session) setMatched(sub *subscription) {
	if s.matched == nil {
		s.matched = make(map[string]*subscription)
	}
	s.matched[sub.topic.name] = sub
}

// promote makes a topic that a pattern has joined one that the session
// listens to by its name. The caller holds s.mu.
func (s *Session) promote(name string) {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	delete(s.matched, name)
}

// demote does the contrary, and reports whether a pattern matches the topic.
// The caller holds s.mu.
func (s *Session) demote(sub *subscription) bool {
	if !sub.topic.stored.Load() || !s.matches(sub.topic.name) {
		return false
	}
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.setMatched(sub)
	return true
}

// generate makes every topic look anew who listens to it by a pattern.
func (q *Queue) generate() {
	q.lastGeneration++
	if q.patterns.empty() {
		q.generation.Store(0)
		return
	}
	q.generation.Store(q.lastGeneration)
}

// unsubscribePattern stops the delivery of the topics of a pattern. The
// caller holds s.mu.
func (s *Session) unsubscribePattern(pattern string) {
	p := s.patterns[pattern]
	if p == nil {
		return
	}
	delete(s.patterns, pattern)
	s.q.mu.Lock()
	left := s.part(p)
	s.q.mu.Unlock()
	s.q.leaveAll(left)
}

// part takes a pattern from the session, and returns the topics to leave,
// those that no other of its patterns matches. The caller holds q.mu.
func (s *Session) part(p *patternSub) (left []*subscription) {
	s.q.dismiss(p, s)
	for _, name := range slices.Sorted(maps.Keys(s.matched)) {
		if Match(p.pattern, name) && !s.matches(name) {
			left = append(left, s.matched[name])
			delete(s.matched, name)
		}
	}
	return left
}

// matches reports whether one of the session's patterns matches a topic.
func (s *Session) matches(topic string) bool {
	for pattern := range s.patterns {
		if Match(pattern, topic) {
			return true
		}
	}
	return false
}

// dismiss ends a pattern's delivery to a session. That of a named client
// stays behind, or is another session's already.
func (q *Queue) dismiss(p *patternSub, s *Session) {
	if p.name == "" {
		q.patterns.remove(p)
	} else if p.session == s {
		p.session, p.live = nil, nil
	}
	q.generate()
}

// forsake ends all patterns of a session that closes, and returns the topics
// to leave. The caller holds s.mu.
func (s *Session) forsake() []*subscription {
	if len(s.patterns) == 0 {
		return nil
	}
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	for _, p := range s.patterns {
		s.q.dismiss(p, s)
	}
	left := slices.Collect(maps.Values(s.matched))
	clear(s.patterns)
	clear(s.matched)
	return left
}

// leaveAll leaves topics, and forgets those that nobody else uses.
func (q *Queue) leaveAll(subs []*subscription) {
	for _, sub := range subs {
		sub.topic.leave(sub)
		q.release(sub.topic)
	}
}
