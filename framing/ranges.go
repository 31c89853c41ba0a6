package framing

import (
	"encoding/binary"
	"iter"
)

const rangeBytes = 16

// Ranges is an encoded list of half-open ranges [from, to), each two u64; it
// is the payload of a nack and the tail of a receipt. None is empty and they
// ascend without overlapping; parsing refuses any other list, so that a
// hostile one cannot name a number twice.
type Ranges []byte

// Append adds the range [from, to).
func (r Ranges) Append(from, to uint64) Ranges {
	r = binary.BigEndian.AppendUint64(r, from)
	return binary.BigEndian.AppendUint64(r, to)
}

// Len returns how many ranges there are.
func (r Ranges) Len() int { return len(r) / rangeBytes }

// All yields every range as (from, to).
func (r Ranges) All() iter.Seq2[uint64, uint64] {
	return func(yield func(uint64, uint64) bool) {
		for b := []byte(r); len(b) >= rangeBytes; b = b[rangeBytes:] {
			if !yield(binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])) {
				return
			}
		}
	}
}

// Total returns how many numbers the ranges cover together.
func (r Ranges) Total() uint64 {
	var n uint64
	for from, to := range r.All() {
		if to > from {
			n += to - from
		}
	}
	return n
}

// ParseRanges checks the payload of a nack frame, which the result aliases.
func ParseRanges(b []byte) (Ranges, error) {
	if len(b)%rangeBytes != 0 {
		return nil, ErrInvalid
	}
	var past uint64
	for from, to := range Ranges(b).All() {
		if from < past || to <= from {
			return nil, ErrInvalid
		}
		past = to
	}
	return Ranges(b), nil
}
