package fates

import (
	"slices"
	"sort"
)

// stream is what became of the events of one stream: runs of numbers, from
// first on without a hole, each up to where the next begins.
type stream struct {
	known uint64 // numbers below it are forgotten
	runs  []run
	end   uint64 // behind the last run
}

type run struct {
	from uint64
	what Outcome
}

func newStream() *stream { return &stream{known: 1, end: 1} }

// add notes more of the numbers from up to, not including, to.
func (s *stream) add(from, to uint64, more *Outcome) {
	from = max(from, s.known)
	if from >= to {
		return
	}
	if from < s.end {
		s.amend(from, min(to, s.end), more)
	} else if from > s.end {
		s.extend(s.end, from, &Outcome{})
	}
	if to > s.end {
		s.extend(max(from, s.end), to, more)
	}
}

// extend appends numbers that begin at the end.
func (s *stream) extend(from, to uint64, what *Outcome) {
	if n := len(s.runs); n == 0 || s.runs[n-1].what != *what {
		s.runs = append(s.runs, run{from, *what})
	}
	s.end = to
}

// amend adds to numbers that are there.
func (s *stream) amend(from, to uint64, more *Outcome) {
	first := s.cut(from)
	behind := len(s.runs)
	if to < s.end {
		behind = s.cut(to)
	}
	for i := first; i < behind; i++ {
		s.runs[i].what.Add(more)
	}
	s.join(behind)
	s.join(first)
}

// cut makes a run begin at a number, and returns its place.
func (s *stream) cut(number uint64) int {
	i := s.find(number)
	if s.runs[i].from == number {
		return i
	}
	s.runs = slices.Insert(s.runs, i+1, run{number, s.runs[i].what})
	return i + 1
}

// join makes one of a run and the one before it, if they are alike.
func (s *stream) join(i int) {
	if i > 0 && i < len(s.runs) && s.runs[i-1].what == s.runs[i].what {
		s.runs = slices.Delete(s.runs, i, i+1)
	}
}

// find returns the place of the run that a number lies in. Most are among the
// newest.
func (s *stream) find(number uint64) int {
	n := len(s.runs)
	for i := n - 1; i >= max(0, n-4); i-- {
		if s.runs[i].from <= number {
			return i
		}
	}
	return sort.Search(n, func(i int) bool { return s.runs[i].from > number }) - 1
}

// forget lets go of the first n runs.
func (s *stream) forget(n int) {
	s.known = s.end
	if n < len(s.runs) {
		s.known = s.runs[n].from
	}
	s.runs = slices.Delete(s.runs, 0, min(n, len(s.runs)))
}

// to returns where run i ends.
func (s *stream) to(i int) uint64 {
	if i+1 < len(s.runs) {
		return s.runs[i+1].from
	}
	return s.end
}
