package queue

import (
	"maps"
	"slices"
	"sync"

	"rawlab/framing"
	"rawlab/internal/queue/fates"
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
	nth         uint64 // of all that were attached: the newest of a name is the client
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

	ledger      *fates.Ledger // nil unless its client has asked for one
	ledgerEnded bool

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
		c.Meter = q.NewMeter(q.clock, nil)
	}
	s := &Session{
		q: q, nth: q.sessions.Add(1), origin: c.Origin, name: c.Name, checksum: c.Checksum,
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
	s.endLedger()
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
