package fec

import "time"

// state is what is known of a number.
type state uint8

const (
	absent  state = iota // has not come
	waiting              // has come, and waits for an earlier one
	passed               // is delivered
	lost                 // is given up
)

// slot is one number.
type slot struct {
	shard   []byte    // nil: not kept
	due     time.Time // when it is given up
	state   state
	settled bool // its group needs no repair any more
}

func (s *slot) frames() []byte {
	n := shardLength(s.shard)
	return s.shard[lengthBytes:n:n]
}

// window is the newest numbers, by number: what is older is forgotten.
type window struct {
	least int
	slots []slot // a power of two of them
}

const (
	leastWindow = 64
	mostWindow  = 4096
)

// newWindow returns the smallest window, which holds two blocks.
func newWindow(p Params) window {
	size := leastWindow
	for size < 2*p.Data*p.Depth {
		size *= 2
	}
	return window{least: size, slots: make([]slot, size)}
}

func (w *window) at(number uint64) *slot { return &w.slots[number&uint64(len(w.slots)-1)] }

// forgotten reports whether a number is out of the window that ends with newest.
func (w *window) forgotten(number, newest uint64) bool {
	return newest >= number && newest-number >= uint64(len(w.slots))
}

// first returns the first number of the window that ends with newest.
func (w *window) first(newest uint64) uint64 {
	return max(newest, uint64(len(w.slots))) - uint64(len(w.slots)) + 1
}

// large reports whether the window has grown.
func (w *window) large() bool { return len(w.slots) > w.least }

// grow doubles a window that ends with newest, if it may be larger.
func (w *window) grow(newest uint64) bool {
	if len(w.slots) == mostWindow {
		return false
	}
	larger := window{w.least, make([]slot, 2*len(w.slots))}
	for i := range larger.slots {
		larger.slots[i].state = passed // what was forgotten stays so
	}
	for n := w.first(newest); n <= newest; n++ {
		*larger.at(n) = *w.at(n)
	}
	*w = larger
	return true
}

// store is the buffers of shards.
type store struct {
	held   int // bytes in use
	free   [][]byte
	parted [][]byte // may still be read until the next call
}

// Bounds of the buffers that are kept for later.
const (
	maxFree      = 64
	maxFreeBytes = 2 << 10 // of each
)

// take returns an empty buffer for so many bytes.
func (s *store) take(size int) []byte {
	s.held += size
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		if cap(b) >= size {
			return b[:0]
		}
	}
	return make([]byte, 0, size)
}

// adopt takes a shard in that came from elsewhere.
func (s *store) adopt(shard []byte) []byte {
	s.held += len(shard)
	return shard
}

// empty reports whether no memory is in use.
func (s *store) empty() bool { return s.held == 0 && len(s.free) == 0 && len(s.parted) == 0 }

// release takes a shard back, none if it is nil.
func (s *store) release(shard []byte) {
	if shard != nil {
		s.held -= len(shard)
		s.parted = append(s.parted, shard)
	}
}

// recycle makes use of what was released before.
func (s *store) recycle() {
	for _, b := range s.parted {
		if len(s.free) < maxFree && cap(b) <= maxFreeBytes {
			s.free = append(s.free, b)
		}
	}
	clear(s.parted)
	s.parted = s.parted[:0]
}
