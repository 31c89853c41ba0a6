package queue

import (
	"encoding/json"
	"errors"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/fates"
)

// NewMeter is the package's NewMeter for a server of this queue: what it counts
// is also told to the ledgers of origins that have asked for one. The queue may
// be nil.
func (q *Queue) NewMeter(c clock.Clock, trace func(TraceEvent)) *Meter {
	m := NewMeter(c, trace)
	if q != nil {
		m.book = q.book
	}
	return m
}

// Fates returns the ledgers of the origins that have asked for one.
func (q *Queue) Fates() *fates.Book { return q.book }

// AsksFates reports whether an emit frame is a question about fates, which the
// server answers itself, by TellFates: a request of no origin, which has the
// number of a question like a subscribe and is no event.
func AsksFates(f *framing.Frame) bool {
	return f.Origin == 0 && f.Flags&framing.FlagRequest != 0 && string(f.Topic) == fates.Topic
}

// NewFatesQuestion returns what AsksFates reports; it still lacks a number.
func NewFatesQuestion(query []byte) framing.Frame {
	return framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagRequest, Topic: []byte(fates.Topic), Payload: query}
}

// TellFates answers a question about fates, with about limit bytes at most: by
// an ack of its number, or an error. A client may ask about its own origin, and
// about those that have begun with the same token; owner stands for that, empty
// if it has none. What the session has published so far is committed first.
func (s *Session) TellFates(f *framing.Frame, owner string, limit int) {
	s.Commit()
	answer := framing.Frame{Kind: framing.KindAck, Sequence: f.Sequence, Topic: f.Topic}
	var err error
	if answer.Payload, err = s.fates(f.Payload, owner, limit); err != nil {
		answer.Kind, answer.Code, answer.Payload = framing.KindError, codeOf(err), []byte(err.Error())
	}
	s.Reply(&answer)
}

func (s *Session) fates(query []byte, owner string, limit int) ([]byte, error) {
	var q fates.Query
	if err := json.Unmarshal(query, &q); err != nil {
		return nil, err
	}
	if q.Origin == 0 {
		q.Origin = s.origin
	}
	if q.Origin != s.origin && owner == "" {
		return nil, fates.ErrOwner
	}
	if q.Begin && q.Origin == s.origin {
		if err := s.beginLedger(owner); err != nil {
			return nil, err
		}
	}
	a, err := s.q.book.Answer(q.Origin, owner, q, limit)
	if err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

func codeOf(err error) framing.Code {
	switch {
	case errors.Is(err, fates.ErrOwner):
		return framing.CodeUnauthorized
	case errors.Is(err, fates.ErrCrowd):
		return framing.CodeLimit
	case errors.Is(err, fates.ErrNone):
		return framing.CodeGone
	}
	return framing.CodeInvalid
}

func (s *Session) beginLedger(owner string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ledger == nil && !s.ledgerEnded {
		s.ledger, err = s.q.book.Begin(s.origin, owner)
	}
	return err
}

func (s *Session) endLedger() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ledger != nil {
		s.q.book.End(s.ledger)
	}
	s.ledger, s.ledgerEnded = nil, true
}

// tellAcknowledged tells the ledgers of the origins whose events a subscriber
// has acknowledged, from an offset up to another. What has left the log by then
// is not told of, and nothing of a store that other servers share: to read it
// would keep who acknowledges waiting.
func (t *topic) tellAcknowledged(from, to uint64) {
	q := t.q
	if from >= to || q.shared != nil || !q.book.Active() {
		return
	}
	q.store.Read(t.name, from, func(offset uint64, frame []byte) bool {
		if offset < to {
			q.book.Add(frame, fates.Outcome{Acknowledged: 1})
		}
		return offset+1 < to
	}) // an error comes again, to who reads to deliver
}
