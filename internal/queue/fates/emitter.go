package fates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"rawlab/framing"
)

// Errors of a client's Report.
var (
	ErrNotAsked = errors.New("the client was not made for reports: set Report in its configuration")
	ErrTooOld   = errors.New("the server is too old to report fates")
)

// Emitter is a client's side: which ledger its server keeps, and what no server
// can know. It is safe for concurrent use.
type Emitter struct {
	origin  uint64
	refused *Book

	mu     sync.Mutex
	ledger string
	before map[uint16]uint64 // by stream, the number given out last when the ledger was begun
}

// NewEmitter returns an emitter for a client of that origin.
func NewEmitter(origin uint64) *Emitter { return &Emitter{origin: origin, refused: begunBook(origin)} }

// begunBook returns a book for one origin.
func begunBook(origin uint64) *Book {
	b := NewBook(nil)
	b.Begin(origin, "") // there is room for one
	return b
}

// Refuse notes that the kernel did not take a datagram of these frames.
func (e *Emitter) Refuse(frames []byte) { e.refused.Add(frames, Lost(SendRefused)) }

// Asker asks a server one question about fates, and returns the answer.
type Asker func(ctx context.Context, query []byte) ([]byte, error)

// Start has the server begin the origin's ledger, or go on with it. What was
// given out before, and is in none, topics tells.
func (e *Emitter) Start(ctx context.Context, ask Asker, topics func() []SentTopic) error {
	ledger, err := Start(ctx, ask)
	if err != nil {
		return fmt.Errorf("asking for a report of fates: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ledger == ledger {
		return nil
	}
	e.ledger, e.before = ledger, make(map[uint16]uint64)
	for _, t := range topics() {
		e.before[t.Stream] = t.Last
	}
	return nil
}

// Report joins what was emitted, what of it is still sent until it is
// acknowledged, and what the server knows.
func (e *Emitter) Report(ctx context.Context, ask Asker, topics []SentTopic, unacknowledged []Span) (*Report, error) {
	server, err := Gather(ctx, e.origin, ask)
	if err != nil {
		return nil, fmt.Errorf("asking for a report of fates: %w", err)
	}
	waits := begunBook(e.origin)
	for _, s := range unacknowledged {
		waits.AddRun(e.origin, s.From, s.To-s.From, Outcome{Due: 1})
	}
	sent := Sent{Origin: e.origin, Refused: e.refused.known(e.origin), OnTheWay: waits.known(e.origin), Topics: slices.Clone(topics)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if server.Ledger != e.ledger {
		return nil, fmt.Errorf("asking for a report of fates: %w", ErrChanged)
	}
	for i := range sent.Topics {
		t := &sent.Topics[i]
		t.Before = e.before[t.Stream]
	}
	return Join(&sent, server), nil
}

// known is what a book of this process knows of an origin.
func (b *Book) known(origin uint64) *Known {
	l := b.find(origin)
	l.mu.Lock()
	defer l.mu.Unlock()
	k := &Known{Ledger: l.id, Since: l.since, Now: b.clock.Now(), streams: make(map[uint16]*stream)}
	for id, s := range maps.All(l.streams) {
		k.streams[id] = &stream{known: s.known, end: s.end, runs: slices.Clone(s.runs)}
	}
	return k
}

// Span is sequences From up to, not including, To.
type Span struct{ From, To uint64 }

// Spans returns the sequences of whole frames of events, in their order.
func Spans(datagrams [][]byte) (all []Span) {
	for _, b := range datagrams {
		for len(b) > 0 {
			n, err := framing.Peek(b, len(b))
			if err != nil || n > len(b) {
				panic("fates: own frame unreadable")
			}
			_, sequence := identity(b)
			if n := len(all); n == 0 || all[n-1].From != sequence { // else it is the next piece of the same event
				all = append(all, Span{sequence, sequence + 1})
			}
			b = b[n:]
		}
	}
	return all
}
