package fates

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
)

// Errors that a query is refused with.
var (
	ErrNone  = errors.New("nothing is known of this origin: it has not asked for a report before it emitted, or too many others have since")
	ErrOwner = errors.New("the origin is another client's")
	ErrCrowd = errors.New("too many origins have asked for reports already")
)

// Book is the ledgers of all origins. While there is none it costs next to
// nothing. It is safe for concurrent use.
type Book struct {
	clock  clock.Clock
	active atomic.Bool
	held   atomic.Int64 // runs, of all ledgers

	mu       sync.RWMutex
	ledgers  map[uint64]*entry
	idle     list.List // of *entry without a session, the oldest first
	begun    uint64
	unplaced []Unplaced // of no origin in particular
}

// entry is a ledger's place in the book.
type entry struct {
	*Ledger
	sessions int
	place    *list.Element // in Book.idle
}

// NewBook returns an empty book. A nil clock is the machine's own.
func NewBook(c clock.Clock) *Book {
	return &Book{clock: clock.Or(c), ledgers: make(map[uint64]*entry)}
}

// Active reports whether there is any ledger. A nil book has none.
func (b *Book) Active() bool { return b != nil && b.active.Load() }

// Begin opens an origin's ledger, for one of its sessions: then End it. If
// there is one, it goes on.
func (b *Book) Begin(origin uint64, owner string) (*Ledger, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.ledgers[origin]
	if e == nil {
		if err := b.makeRoom(); err != nil {
			return nil, err
		}
		b.begun++
		now := b.clock.Now()
		e = &entry{Ledger: &Ledger{
			book: b, origin: origin, id: fmt.Sprintf("%d-%d", now.UnixNano(), b.begun), owner: owner, since: now,
			streams: make(map[uint16]*stream),
		}}
		b.ledgers[origin] = e
		b.active.Store(true)
	}
	if e.owner != owner {
		return nil, ErrOwner
	}
	if e.place != nil {
		b.idle.Remove(e.place)
		e.place = nil
	}
	e.sessions++
	return e.Ledger, nil
}

// makeRoom forgets the ledger whose origin has been gone for longest.
func (b *Book) makeRoom() error {
	if len(b.ledgers) < MaxLedgers && b.held.Load() <= maxRunsHeld {
		return nil
	}
	oldest := b.idle.Front()
	if oldest == nil {
		return ErrCrowd
	}
	e := b.idle.Remove(oldest).(*entry)
	delete(b.ledgers, e.origin)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.grow(-e.runs)
	e.gone = true
	return nil
}

// End says that a session that has begun a ledger is over. What is known stays
// for the origin's return, as far as there is room.
func (b *Book) End(l *Ledger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.ledgers[l.origin]
	if e == nil || e.Ledger != l {
		return
	}
	if e.sessions--; e.sessions == 0 {
		e.place = b.idle.PushBack(e)
	}
}

// find returns an origin's ledger, nil if it has none.
func (b *Book) find(origin uint64) *Ledger {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.ledgers[origin]; e != nil {
		return e.Ledger
	}
	return nil
}

// Add notes what became of every one of the encoded frames. Events that follow
// each other are noted in one.
func (b *Book) Add(frames []byte, more Outcome) {
	var origin, sequence, count uint64
	for len(frames) > 0 {
		n, err := framing.Peek(frames, len(frames))
		if err != nil || n > len(frames) {
			panic("fates: frame of the queue unreadable")
		}
		o, s := identity(frames)
		if o != origin || s != sequence+count {
			b.AddRun(origin, sequence, count, more)
			origin, sequence, count = o, s, 0
		}
		count++
		frames = frames[n:]
	}
	b.AddRun(origin, sequence, count, more)
}

// identity reads the origin and the sequence of a whole frame.
func identity(frame []byte) (origin, sequence uint64) {
	return binary.BigEndian.Uint64(frame[8:]), binary.BigEndian.Uint64(frame[16:])
}

// AddRun notes what became of count events of an origin from a sequence on.
func (b *Book) AddRun(origin, sequence, count uint64, more Outcome) {
	if count == 0 || !b.Active() {
		return
	}
	if l := b.find(origin); l != nil {
		l.add(sequence, count, &more)
	}
}

// Place notes events of an origin, or with 0 of nobody in particular, of which
// only the number and the time is known.
func (b *Book) Place(origin uint64, fate Fate, count uint64, from, to time.Time) {
	if !b.Active() {
		return
	}
	u := Unplaced{fate, count, from, to}
	if origin == 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.unplaced = appendUnplaced(b.unplaced, u)
		return
	}
	if l := b.find(origin); l != nil {
		l.place(u)
	}
}
