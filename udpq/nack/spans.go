package nack

import (
	"slices"

	"rawlab/framing"
)

// span is the numbers from, up to and not including, to.
type span struct{ from, to uint64 }

func (s span) count() uint64 { return s.to - s.from }

// spans is a set of numbers: ascending, no two touch.
type spans []span

// add adds numbers and returns how many of them are new. Past limit spans,
// the lowest are forgotten.
func (s *spans) add(from, to uint64, limit int) (added uint64) {
	if to <= from {
		return 0
	}
	lo, _ := slices.BinarySearchFunc(*s, from, func(x span, n uint64) int { return cmpUint(x.to, n) })
	hi, whole, had := lo, span{from, to}, uint64(0)
	for ; hi < len(*s) && (*s)[hi].from <= to; hi++ {
		x := (*s)[hi]
		if overlap := min(x.to, to); overlap > max(x.from, from) {
			had += overlap - max(x.from, from)
		}
		whole = span{min(whole.from, x.from), max(whole.to, x.to)}
	}
	*s = slices.Replace(*s, lo, hi, whole)
	if len(*s) > limit {
		*s = slices.Delete(*s, 0, len(*s)-limit)
	}
	return to - from - had
}

// has reports whether a number is in the set.
func (s spans) has(number uint64) bool {
	i, _ := slices.BinarySearchFunc(s, number+1, func(x span, n uint64) int { return cmpUint(x.to, n) })
	return i < len(s) && s[i].from <= number
}

// shift takes up to n numbers off the front.
func (s *spans) shift(n uint64) span {
	first := (*s)[0]
	if first.count() <= n {
		*s = slices.Delete(*s, 0, 1)
		return first
	}
	(*s)[0].from += n
	return span{first.from, first.from + n}
}

// ranges returns the lowest spans, as many as fit a message, and takes them out.
func (s *spans) ranges() (list framing.Ranges) {
	n := min(len(*s), maxRanges)
	for _, x := range (*s)[:n] {
		list = list.Append(x.from, x.to)
	}
	*s = slices.Delete(*s, 0, n)
	return list
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
