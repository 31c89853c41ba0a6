package fates

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"rawlab/framing"
)

// Topic is where a request about fates goes.
const Topic = "$fates"

// Query is what a client asks: that a ledger is begun, or what is in it from a
// sequence on.
type Query struct {
	Begin  bool   `json:"begin,omitempty"`
	Origin uint64 `json:"origin,string,omitempty"` // whose, default the session's own
	From   uint64 `json:"from,omitempty"`
}

// Answer is what a server answers: a part of a ledger.
type Answer struct {
	Ledger   string     `json:"ledger"` // names the ledger
	Since    time.Time  `json:"since"`  // it was begun, by the server's clock
	Now      time.Time  `json:"now"`
	Unplaced []Unplaced `json:"unplaced,omitempty"` // in the last part
	Outcomes []Outcome  `json:"outcomes,omitempty"`
	Streams  []Part     `json:"streams,omitempty"`
	Next     uint64     `json:"next,omitempty"` // from where the next part is, 0: this was the last
}

// Part is consecutive numbers of one stream: runs of a count and the index of
// an outcome, in turns.
type Part struct {
	From  uint64 `json:"from"`  // sequence of the first
	Known uint64 `json:"known"` // sequences of the stream below it are forgotten
	Runs  []uint `json:"runs"`
}

type outcomeJSON struct {
	Received     uint32          `json:"received,omitempty"`
	Stored       uint32          `json:"stored,omitempty"`
	Due          uint32          `json:"due,omitempty"`
	Forwarded    uint32          `json:"forwarded,omitempty"`
	Acknowledged uint32          `json:"acknowledged,omitempty"`
	Fates        map[Fate]uint32 `json:"fates,omitempty"`
}

// MarshalJSON writes what is not 0.
func (o Outcome) MarshalJSON() ([]byte, error) {
	return json.Marshal(outcomeJSON{o.Received, o.Stored, o.Due, o.Forwarded, o.Acknowledged, maps.Collect(o.All)})
}

// UnmarshalJSON fails for a fate that this version does not know.
func (o *Outcome) UnmarshalJSON(b []byte) error {
	var j outcomeJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*o = Outcome{Received: j.Received, Stored: j.Stored, Due: j.Due, Forwarded: j.Forwarded, Acknowledged: j.Acknowledged}
	for fate, n := range j.Fates {
		i := slices.Index(dropped[:], fate)
		if i < 0 {
			return fmt.Errorf("unknown fate %q", fate)
		}
		o.lost[i] = n
	}
	return nil
}

// headBytes is what an answer takes besides its runs and outcomes, about.
const headBytes = 256

// Answer answers a query about an origin's ledger, with about limit bytes of
// JSON at most.
func (b *Book) Answer(origin uint64, owner string, q Query, limit int) (*Answer, error) {
	l := b.find(origin)
	switch {
	case l == nil:
		return nil, ErrNone
	case l.owner != owner:
		return nil, ErrOwner
	}
	b.mu.RLock()
	unplaced := slices.Clone(b.unplaced)
	b.mu.RUnlock()
	a := l.answer(q.From, limit)
	if a.Next == 0 {
		for _, u := range unplaced {
			if u.To.After(l.since) {
				a.Unplaced = append(a.Unplaced, u)
			}
		}
	}
	return a, nil
}

// answer returns what is known from a sequence on.
func (l *Ledger) answer(from uint64, limit int) *Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &Answer{Ledger: l.id, Since: l.since, Now: l.book.clock.Now()}
	w := writer{answer: a, left: limit - headBytes}
	first, number := framing.SplitSequence(from)
	for _, id := range slices.Sorted(maps.Keys(l.streams)) {
		switch {
		case id < first:
			continue
		case id > first:
			number = 0
		}
		if !w.stream(id, l.streams[id], number) {
			return a
		}
	}
	a.Unplaced = slices.Clone(l.unplaced)
	return a
}

// writer fills an answer.
type writer struct {
	answer *Answer
	left   int // bytes
	known  map[Outcome]uint
}

// stream writes a stream from a number on, and reports whether it was all.
// What does not fit is where the next part begins.
func (w *writer) stream(id uint16, s *stream, number uint64) bool {
	number = max(number, s.known)
	if number >= s.end && s.known == 1 {
		return true
	}
	p := Part{From: framing.Sequence(id, number), Known: framing.Sequence(id, s.known), Runs: []uint{}}
	w.left -= len(`{"from":,"known":,"runs":[]},`) + digits(p.From) + digits(p.Known)
	for i := s.find(number); number < s.end; i++ {
		if w.left <= 0 && (len(p.Runs) > 0 || len(w.answer.Streams) > 0) {
			w.answer.Next = framing.Sequence(id, number)
			break
		}
		p.Runs = append(p.Runs, uint(s.to(i)-number), w.index(&s.runs[i].what))
		w.left -= digits(s.to(i)-number) + digits(uint64(p.Runs[len(p.Runs)-1])) + 2
		number = s.to(i)
	}
	w.answer.Streams = append(w.answer.Streams, p)
	return w.answer.Next == 0
}

func (w *writer) index(o *Outcome) uint {
	i, known := w.known[*o]
	if !known {
		if w.known == nil {
			w.known = make(map[Outcome]uint)
		}
		i = uint(len(w.answer.Outcomes))
		w.known[*o] = i
		w.answer.Outcomes = append(w.answer.Outcomes, *o)
		b, _ := json.Marshal(o) // numbers can always be encoded
		w.left -= len(b) + 1
	}
	return i
}

func digits(n uint64) int { return len(strconv.FormatUint(n, 10)) }
