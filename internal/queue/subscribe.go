package queue

import (
	"fmt"

	"rawlab/framing"
)

// Subscribe starts the delivery of a topic, or of all topics of a pattern,
// and answers with a receipt frame, which precedes the topic's events and
// carries the request's number. Before that of a pattern come those of its
// topics where something was missed, with number 0. Asked again, it answers
// again and changes nothing. A session gets each event once, however many of
// its patterns match. Errors are for the client to know: [*LimitError],
// [framing.ErrInvalid], [*PatternError], or the store's.
func (s *Session) Subscribe(topic []byte, request uint64, wish framing.Subscribe) error {
	name := string(topic)
	if err := CheckSubscription(name); err != nil {
		return err
	}
	s.Settle() // what was published before is not for this subscription
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := s.subs[name]; sub != nil {
		s.Reply(sub.receiptFrame(request))
		return nil
	}
	if len(s.subs)+len(s.patterns) >= s.maxSubs && s.patterns[name] == nil {
		return &LimitError{"subscriptions", s.maxSubs}
	}
	if IsPattern(name) {
		return s.subscribePattern(name, request, wish)
	}
	sub, err := s.subscribeTopic(name, request, wish)
	if err == nil {
		s.subs[name] = sub
	}
	return err
}

// subscribeTopic joins one topic. The caller holds s.mu.
func (s *Session) subscribeTopic(name string, request uint64, wish framing.Subscribe) (*subscription, error) {
	terms, err := s.agree(wish)
	if err != nil {
		return nil, err
	}
	t, err := s.q.open(name, s.wantsLog(&terms))
	if err != nil {
		return nil, err
	}
	made, err := s.q.place(t, s.name, wish)
	if err == nil && made {
		err = s.q.store.Sync()
	}
	if err == nil {
		err = t.suits(&terms)
	}
	if err != nil {
		s.q.release(t)
		return nil, fmt.Errorf("subscribing to %q: %w", name, err)
	}
	sub, fresh := t.join(s, wish, terms, func(sub *subscription) *framing.Frame { return sub.receiptFrame(request) })
	if !fresh {
		s.promote(name)
		s.q.release(t) // it was counted for the pattern
	}
	return sub, nil
}

// Unsubscribe stops the delivery of a topic, unless a pattern matches it, or
// of a pattern. The cursors of a named client stay.
func (s *Session) Unsubscribe(topic []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := string(topic)
	sub := s.subs[name]
	if sub == nil {
		s.unsubscribePattern(name)
		return
	}
	delete(s.subs, name)
	if !s.demote(sub) {
		s.q.leaveAll([]*subscription{sub})
	}
}

// Ack says that the client has the topic's events up to and including offset.
func (s *Session) Ack(topic []byte, offset uint64) error {
	if sub := s.subscription(topic); sub != nil {
		return sub.ack(offset)
	}
	return nil // it may have unsubscribed meanwhile
}

// subscription returns how the session listens to a topic, nil if it does not
// or if the topic is ignored and listened to by a pattern.
func (s *Session) subscription(topic []byte) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := s.subs[string(topic)]; sub != nil || len(s.patterns) == 0 {
		return sub
	}
	s.q.mu.RLock()
	defer s.q.mu.RUnlock()
	return s.matched[string(topic)]
}
