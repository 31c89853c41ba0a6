package fates

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rawlab/framing"
)

// ErrChanged means that a server has begun another ledger between two parts of
// its answer.
var ErrChanged = errors.New("the server has begun another ledger meanwhile")

// Known is all that one end knows of an origin's events.
type Known struct {
	Ledger     string
	Since, Now time.Time
	Unplaced   []Unplaced
	streams    map[uint16]*stream
	runs       int // twice as many as were told
}

// maxParts bounds the parts of an answer, so that a server cannot keep a client
// for ever: each tells of one run at least.
const maxParts = MaxRuns + framing.Streams

// Gather asks for one part of a ledger after the other until it is whole.
func Gather(ctx context.Context, origin uint64, ask Asker) (*Known, error) {
	var k *Known
	q := Query{Origin: origin, From: 1}
	for range maxParts {
		a, err := askOnce(ctx, q, ask)
		if err != nil {
			return nil, err
		}
		if k == nil {
			k = &Known{Ledger: a.Ledger, Since: a.Since, streams: make(map[uint16]*stream)}
		}
		if a.Ledger != k.Ledger {
			return nil, ErrChanged
		}
		k.Now, k.Unplaced = a.Now, a.Unplaced
		if err := k.take(a); err != nil {
			return nil, err
		}
		if a.Next == 0 {
			return k, nil
		}
		if a.Next <= q.From {
			return nil, fmt.Errorf("%w: the next part of an answer about fates begins before this one", framing.ErrInvalid)
		}
		q.From = a.Next
	}
	return nil, fmt.Errorf("%w: an answer about fates in more than %d parts", framing.ErrInvalid, maxParts)
}

// Start asks a server to begin an origin's ledger, and returns which it is.
func Start(ctx context.Context, ask Asker) (ledger string, err error) {
	a, err := askOnce(ctx, Query{Begin: true}, ask)
	if err != nil {
		return "", err
	}
	return a.Ledger, nil
}

func askOnce(ctx context.Context, q Query, ask Asker) (*Answer, error) {
	query, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	b, err := ask(ctx, query)
	if err != nil {
		return nil, err
	}
	var a Answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("the server's answer about fates: %w", err)
	}
	return &a, nil
}

// take adds a part. The parts of a stream follow each other.
func (k *Known) take(a *Answer) error {
	for i := range a.Streams {
		if err := k.takePart(&a.Streams[i], a.Outcomes); err != nil {
			return err
		}
	}
	return nil
}

func (k *Known) takePart(p *Part, outcomes []Outcome) error {
	id, number := framing.SplitSequence(p.From)
	_, known := framing.SplitSequence(p.Known)
	s := k.streams[id]
	switch {
	case s == nil && number == known:
		s = &stream{known: known, end: number}
		k.streams[id] = s
	case s != nil && number == s.end:
	case s != nil && number == known && number > s.end:
		s.extend(s.end, number, &forgotten)
	default:
		return fmt.Errorf("%w: an answer about fates goes on at sequence %d", framing.ErrInvalid, p.From)
	}
	if k.runs += len(p.Runs); k.runs > 2*maxParts {
		return fmt.Errorf("%w: an answer about fates of more than %d runs", framing.ErrInvalid, maxParts)
	}
	for i := 0; i+1 < len(p.Runs); i += 2 {
		count, index := uint64(p.Runs[i]), p.Runs[i+1]
		if count == 0 || count > framing.MaxNumber+1-number || index >= uint(len(outcomes)) {
			return fmt.Errorf("%w: an answer about fates makes no sense at sequence %d", framing.ErrInvalid, framing.Sequence(id, number))
		}
		s.extend(number, number+count, &outcomes[index])
		number += count
	}
	return nil
}

// forgotten marks numbers of which the server knew when it told of those before
// them, and no more when it came to them. No event has this outcome.
var forgotten = Outcome{Acknowledged: 1<<32 - 1}

// at returns what became of a number, up to, not including, which other one the
// same is true, and whether it is forgotten.
func (k *Known) at(id uint16, number uint64) (what Outcome, to uint64, unknown bool) {
	s := k.streams[id]
	switch {
	case s == nil:
		return Outcome{}, framing.MaxNumber + 1, false
	case number < s.known:
		return Outcome{}, s.known, true
	case number >= s.end:
		return Outcome{}, framing.MaxNumber + 1, false
	}
	i := s.find(number)
	if s.runs[i].what == forgotten {
		return Outcome{}, s.to(i), true
	}
	return s.runs[i].what, s.to(i), false
}
