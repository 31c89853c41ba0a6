package queue

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"rawlab/framing"
)

// DefaultMaxSubscriptions bounds the topics a session listens to unless told
// otherwise.
const DefaultMaxSubscriptions = 1024

// SessionConfig configures a session. The zero value works.
type SessionConfig struct {
	Origin           uint64 // who its events come from
	Name             string // of a durable client, empty for an anonymous one
	Checksum         bool   // frames get a CRC: they leave on UDP
	OutboxBytes      int    // of waiting events, per lane; default DefaultOutboxBytes, with Block DefaultBlockBytes
	Overflow         Overflow
	MaxSubscriptions int    // topics and patterns, default DefaultMaxSubscriptions
	MaxMatched       int    // stored topics that its patterns match, default DefaultMaxMatched
	MaxRequests      int    // that wait for a reply, default DefaultMaxRequests
	Window           int    // replayed events on the way unacknowledged, per topic; 0 does not limit
	Meter            *Meter // default one that nobody reads
	Deduplicate      bool   // each of its origin's events is accepted once, whichever session emits it again
	Hidden           bool   // it gets nothing that is emitted to Broadcast
	OnEnd            func() // called once when the session ends; must not block

	// Work, if it is set, is told that something waits and nobody takes it:
	// the transport then starts a goroutine that calls Take until it reports
	// false. It must not block. Otherwise Wake tells.
	Work func()
	// TryWrite, which needs Work, hands bytes to the transport without waiting
	// and returns how many it took. Then what need not wait is written by
	// whoever publishes it.
	TryWrite func([]byte) (int, error)
}

// Session is one client at the queue. Publish and Commit belong to one
// goroutine, Take, Sent and Lost to one other; the rest is safe for
// concurrent use.
type Session struct {
	q           *Queue
	origin      uint64
	name        string
	checksum    bool
	maxSubs     int
	maxMatched  int
	maxRequests int
	window      int
	meter       *Meter
	onEnd       func()
	seen        *seen // nil without Deduplicate
	batch       batch
	commits     commits
	out         outbox
	inline      Chunk // of whoever writes directly

	mu       sync.Mutex
	subs     map[string]*subscription
	patterns map[string]*patternSub
	matched  map[string]*subscription // stored topics joined for a pattern; guarded by q.mu

	once sync.Map // names of stored topics that a named client wants at most once

	dialogue

	endOnce sync.Once
	end     framing.Frame // valid once ended is closed
	ended   chan struct{}
}

// Attach adds a client. Close detaches it.
func (q *Queue) Attach(config *SessionConfig) *Session {
	var c SessionConfig
	if config != nil {
		c = *config
	}
	if c.Meter == nil {
		c.Meter = NewMeter(q.clock, nil)
	}
	s := &Session{
		q: q, origin: c.Origin, name: c.Name, checksum: c.Checksum,
		maxSubs:    positive(c.MaxSubscriptions, DefaultMaxSubscriptions),
		maxMatched: positive(c.MaxMatched, DefaultMaxMatched), window: c.Window,
		maxRequests: positive(c.MaxRequests, DefaultMaxRequests),
		meter:       c.Meter, onEnd: c.OnEnd,
		subs: make(map[string]*subscription), ended: make(chan struct{}),
	}
	s.commits.init()
	s.out.work, s.out.tryWrite = c.Work, c.TryWrite
	s.out.init(c.OutboxBytes, c.Overflow)
	if c.Deduplicate {
		s.seen = q.origins.open(s.origin, s)
	}
	if !c.Hidden {
		q.attached.add(s)
	}
	return s
}

// Origin returns who the session's events come from.
func (s *Session) Origin() uint64 { return s.origin }

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
	made, err := t.prepare(s.name, wish)
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
	sub, fresh := t.join(s, wish, terms, func(sub *subscription) { s.Reply(sub.receiptFrame(request)) })
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

// Reply sends a frame that is no event. A client that leaves too many
// unread is disconnected.
func (s *Session) Reply(f *framing.Frame) {
	room, err := s.out.putControl(s.sealed(f))
	switch {
	case err != nil:
		panic("queue: own reply cannot be encoded: " + err.Error())
	case !room:
		s.End(framing.CodeLimit, "replies left unread")
	}
}

// sealed returns f as it leaves for this client.
func (s *Session) sealed(f *framing.Frame) *framing.Frame {
	if s.checksum {
		f.Flags |= framing.FlagCRC
	}
	return f
}

// End ends the session: Ended closes, what waits may still be taken, nothing
// more is published to it. At a [framing.CodeShutdown] what waits in logs may
// be taken too. The first call decides the last frame: a bye for
// [framing.CodeOK] and [framing.CodeShutdown], an error otherwise.
func (s *Session) End(code framing.Code, words string) {
	s.endOnce.Do(func() {
		s.end = framing.Frame{Kind: framing.KindError, Code: code, Payload: []byte(words)}
		if code == framing.CodeOK || code == framing.CodeShutdown {
			s.end.Kind = framing.KindBye
		}
		if s.checksum {
			s.end.Flags = framing.FlagCRC
		}
		close(s.ended)
		s.out.close(code == framing.CodeShutdown)
		if s.onEnd != nil {
			s.onEnd()
		}
	})
}

// Ended is closed once the session has ended.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Last returns the frame that ends the conversation. Call it once ended.
func (s *Session) Last() framing.Frame { return s.end }

// Close ends and detaches the session. What still waits is lost.
func (s *Session) Close() {
	s.End(framing.CodeOK, "")
	s.Settle()
	s.mu.Lock()
	subs := slices.AppendSeq(s.forsake(), maps.Values(s.subs))
	clear(s.subs)
	s.mu.Unlock()
	s.q.attached.remove(s)
	if s.seen != nil {
		s.q.origins.close(s.seen, s)
	}
	s.q.leaveAll(subs)
	s.partFromRequests()
	var c Chunk
	for s.take(&c) {
		s.Lost(&c, 0)
	}
}

// Wake receives when there may be something to take, unless Work is told.
func (s *Session) Wake() <-chan struct{} { return s.out.wake }

// receiptFrame answers request.
func (u *subscription) receiptFrame(request uint64) *framing.Frame {
	return receiptFrame(u.topic.name, request, &u.receipt)
}

func receiptFrame(name string, request uint64, r *framing.Receipt) *framing.Frame {
	return &framing.Frame{Kind: framing.KindReceipt, Sequence: request, Topic: []byte(name), Payload: r.Append(nil)}
}
