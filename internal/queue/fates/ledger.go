package fates

import (
	"maps"
	"slices"
	"sync"
	"time"

	"rawlab/framing"
)

// Bounds of what is remembered.
const (
	MaxRuns     = 1 << 16 // of one origin, 4 MiB
	MaxLedgers  = 1 << 12 // of origins that have asked for one
	maxRunsHeld = 1 << 18 // of all origins, 16 MiB
	maxUnplaced = 4       // of each fate; then the two that are closest in time become one
)

// Ledger is what became of one origin's events.
type Ledger struct {
	book   *Book
	origin uint64
	id     string // of this ledger: another one knows nothing of what was before it
	owner  string // who may ask for it
	since  time.Time

	mu       sync.Mutex
	streams  map[uint16]*stream
	last     *stream // of the last call, to save the look-up
	lastID   uint16
	runs     int // of all streams, and one more for each
	unplaced []Unplaced
	gone     bool // the book has forgotten it
}

// Unplaced is so many events, or datagrams of them, that met a fate between
// two moments by the server's clock. Which ones is not known.
type Unplaced struct {
	Fate  Fate      `json:"fate"`
	Count uint64    `json:"count"`
	From  time.Time `json:"from,omitzero"` // zero: not known
	To    time.Time `json:"to"`
}

// add notes what became of count events from a sequence on.
func (l *Ledger) add(sequence, count uint64, more *Outcome) {
	id, number := framing.SplitSequence(sequence)
	if number == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return
	}
	s := l.find(id)
	before := len(s.runs)
	s.add(number, number+count, more)
	l.grow(len(s.runs) - before)
	for l.runs > MaxRuns || l.book.held.Load() > maxRunsHeld && l.runs > len(l.streams) {
		l.forget()
	}
}

// grow counts runs.
func (l *Ledger) grow(n int) {
	l.runs += n
	l.book.held.Add(int64(n))
}

func (l *Ledger) find(id uint16) *stream {
	if l.last != nil && l.lastID == id {
		return l.last
	}
	s := l.streams[id]
	if s == nil {
		s = newStream()
		l.streams[id] = s
		l.grow(1)
	}
	l.last, l.lastID = s, id
	return s
}

// forget lets go of an eighth of the runs of the stream that has most.
func (l *Ledger) forget() {
	var largest *stream
	for _, id := range slices.Sorted(maps.Keys(l.streams)) {
		if s := l.streams[id]; largest == nil || len(s.runs) > len(largest.runs) {
			largest = s
		}
	}
	n := len(largest.runs)/8 + 1
	l.grow(-min(n, len(largest.runs)))
	largest.forget(n)
}

// place notes events of which only the number and the time is known.
func (l *Ledger) place(u Unplaced) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unplaced = appendUnplaced(l.unplaced, u)
}

// appendUnplaced adds what is later than all before. Of more than maxUnplaced
// of a fate, the two with the least time between them become one: it is as
// true, and says less.
func appendUnplaced(all []Unplaced, u Unplaced) []Unplaced {
	all = append(all, u)
	var same []int
	for i := range all {
		if all[i].Fate == u.Fate {
			same = append(same, i)
		}
	}
	if len(same) <= maxUnplaced {
		return all
	}
	closest := 1
	gap := func(i int) time.Duration { return all[same[i]].From.Sub(all[same[i-1]].To) }
	for i := 2; i < len(same); i++ {
		if gap(i) < gap(closest) {
			closest = i
		}
	}
	into, from := &all[same[closest-1]], all[same[closest]]
	into.Count, into.To = into.Count+from.Count, from.To
	return slices.Delete(all, same[closest], same[closest]+1)
}
