package edge

import (
	"rawlab/framing"
)

const (
	windowBits = 1 << 16 // how far back a late event and a duplicate can be told apart
	maxTracked = 1 << 12 // streams followed at a time, 8 KiB each
)

// Counts is what a tracker has seen.
type Counts struct {
	Delivered  uint64 // events, duplicates included
	Duplicates uint64 // came before
	Reordered  uint64 // came after a later one of their stream
	Gaps       uint64 // times that numbers were skipped
	Missing    uint64 // numbers skipped and not come since
}

// Verdict is what an event's number says about it.
type Verdict struct {
	Missed    uint64
	Late      bool
	Duplicate bool
}

// Tracker follows the numbers of every (origin, stream) it sees and tells
// what is missing, late or a duplicate. The first number seen of a stream is
// where it starts: what was lost before it, or after the last, no number can
// tell. More than windowBits behind the newest, all count as late. It is not
// safe for concurrent use; the zero value is ready.
type Tracker struct {
	counts  Counts
	streams map[streamKey]*stream
	order   []streamKey // oldest first, the first to be forgotten
	key     streamKey   // of the last event, to save the look-up
	last    *stream
}

type streamKey struct {
	origin uint64
	stream uint16
}

// stream is the numbers up to next-1; seen marks the newest windowBits of them.
type stream struct {
	first, next uint64
	seen        [windowBits / 64]uint64
}

// See judges the next event.
func (t *Tracker) See(origin, sequence uint64) Verdict {
	t.counts.Delivered++
	id, number := framing.SplitSequence(sequence)
	if id == framing.Streams-1 {
		return Verdict{} // shared by topics: its holes mean nothing
	}
	s := t.find(streamKey{origin, id}, number)
	switch {
	case number == s.next:
		s.mark(number)
		return Verdict{}
	case number > s.next:
		return t.skip(s, number)
	}
	return t.old(s, number)
}

// Counts returns what was seen so far.
func (t *Tracker) Counts() Counts { return t.counts }

func (t *Tracker) find(key streamKey, number uint64) *stream {
	if t.last != nil && t.key == key {
		return t.last
	}
	s := t.streams[key]
	if s == nil {
		s = &stream{first: number, next: number}
		t.add(key, s)
	}
	t.key, t.last = key, s
	return s
}

func (t *Tracker) add(key streamKey, s *stream) {
	if t.streams == nil {
		t.streams = make(map[streamKey]*stream)
	}
	if len(t.order) == maxTracked {
		delete(t.streams, t.order[0])
		t.order = t.order[1:]
	}
	t.streams[key] = s
	t.order = append(t.order, key)
}

func (t *Tracker) skip(s *stream, number uint64) Verdict {
	missed := number - s.next
	t.counts.Gaps++
	t.counts.Missing += missed
	for skipped := max(s.next, number-min(number, windowBits)); skipped < number; skipped++ {
		s.seen[skipped/64%(windowBits/64)] &^= 1 << (skipped % 64)
	}
	s.mark(number)
	return Verdict{Missed: missed}
}

func (t *Tracker) old(s *stream, number uint64) Verdict {
	known := s.next-number <= windowBits
	if known && s.seen[number/64%(windowBits/64)]&(1<<(number%64)) != 0 {
		t.counts.Duplicates++
		return Verdict{Duplicate: true}
	}
	t.counts.Reordered++
	if number >= s.first {
		t.counts.Missing -= min(1, t.counts.Missing)
	}
	if known {
		s.seen[number/64%(windowBits/64)] |= 1 << (number % 64)
	}
	return Verdict{Late: true}
}

// mark notes the newest number.
func (s *stream) mark(number uint64) {
	s.seen[number/64%(windowBits/64)] |= 1 << (number % 64)
	s.next = number + 1
}
