package edge

import (
	"context"
	"errors"
	"sync"

	"rawlab/framing"
)

// DefaultInboxBytes bounds the events that wait for the application unless
// told otherwise.
const DefaultInboxBytes = 1 << 20

// eventBytes is what an event costs besides its payload, about.
const eventBytes = 128

// Cost returns the bytes that an event takes of an inbox.
func (e *Event) Cost() int { return len(e.Payload) + eventBytes }

// Inbox is the events that wait for the application to take them. When it
// is full, who puts waits: the transport stops reading.
type Inbox struct {
	mu     sync.Mutex
	limit  int
	bytes  int
	events []Event // from head on
	head   int
	topics map[string]string // so that each name is allocated once
	err    error             // why nothing more comes
	some   chan struct{}     // closed and replaced when an event or the end comes while someone waits
	room   sync.Cond
}

// NewInbox returns an inbox of about limit bytes; 0 means DefaultInboxBytes.
func NewInbox(limit int) *Inbox {
	if limit <= 0 {
		limit = DefaultInboxBytes
	}
	b := &Inbox{limit: limit, topics: make(map[string]string)}
	b.room.L = &b.mu
	return b
}

// Put adds an event. It reports false once the inbox is closed.
func (b *Inbox) Put(f *framing.Frame, v Verdict) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.err == nil && b.bytes >= b.limit {
		b.room.Wait()
	}
	if b.err != nil {
		return false
	}
	b.put(f, v)
	return true
}

// PutNow is Put for a transport that bounds what waits by itself. It returns
// the event's Cost, 0 once the inbox is closed.
func (b *Inbox) PutNow(f *framing.Frame, v Verdict) (cost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0
	}
	return b.put(f, v).Cost()
}

// put adds an event. The caller holds mu.
func (b *Inbox) put(f *framing.Frame, v Verdict) *Event {
	e := newEvent(f, b.topic(f.Topic), v)
	b.events = append(b.events, e)
	b.bytes += e.Cost()
	b.announce()
	return &e
}

func (b *Inbox) topic(name []byte) string {
	s, known := b.topics[string(name)]
	if !known {
		s = string(name)
		if len(b.topics) < maxTracked {
			b.topics[s] = s
		}
	}
	return s
}

func (b *Inbox) announce() {
	if b.some != nil {
		close(b.some)
		b.some = nil
	}
}

// Next returns the oldest event; when there is none any more, the error that
// the inbox was closed with.
func (b *Inbox) Next(ctx context.Context) (Event, error) {
	for {
		e, wait, err := b.take()
		if wait == nil {
			return e, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Empty reports whether nothing waits.
func (b *Inbox) Empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events) == b.head
}

// take returns an event, an error, or what to wait for.
func (b *Inbox) take() (Event, <-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.events) {
		b.events, b.head = b.events[:0], 0
		if b.err != nil {
			return Event{}, nil, b.err
		}
		if b.some == nil {
			b.some = make(chan struct{})
		}
		return Event{}, b.some, nil
	}
	e := b.events[b.head]
	b.events[b.head] = Event{}
	b.head++
	b.bytes -= e.Cost()
	b.compact()
	b.room.Signal()
	return e, nil, nil
}

// compact moves the waiting events to the front once half the slice is used up.
func (b *Inbox) compact() {
	if b.head > 64 && b.head > len(b.events)/2 {
		n := copy(b.events, b.events[b.head:])
		clear(b.events[n:])
		b.events, b.head = b.events[:n], 0
	}
}

// Close lets nothing more in. What waits can still be taken; then Next
// returns err. The first Close counts.
func (b *Inbox) Close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
		if err == nil {
			b.err = errors.New("closed")
		}
	}
	b.announce()
	b.room.Broadcast()
}
