package nack

import "time"

// slotBytes is what a datagram costs in a ring besides its bytes, about.
const slotBytes = 96

// Blocks that datagrams are copied into grow from one to the other.
const (
	minBlock = 2 << 10
	maxBlock = 64 << 10
)

// slot is a datagram that can be sent again.
type slot struct {
	frames []byte
	sent   time.Time // last
	born   time.Time
	queued bool // to be sent again
}

func (d *slot) bytes() int { return len(d.frames) + slotBytes }

// Buffered returns the bytes of the ring.
func (s *Sender) Buffered() int { return s.bytes }

// Kept returns the frames of every datagram that may be sent again, oldest
// first: the other end has not said that it has them, or will not wait.
func (s *Sender) Kept(now time.Time) (list [][]byte) {
	s.expire(now)
	for _, d := range s.slots {
		list = append(list, d.frames)
	}
	return list
}

// copy puts frames behind those before them: many share an allocation.
func (s *Sender) copy(frames []byte) []byte {
	if len(frames) > cap(s.block)-len(s.block) {
		size := min(max(2*cap(s.block), minBlock), maxBlock)
		s.block = make([]byte, 0, max(size, len(frames)))
	}
	start := len(s.block)
	s.block = append(s.block, frames...)
	return s.block[start:len(s.block):len(s.block)]
}

// expire lets go of what is too much or too old.
func (s *Sender) expire(now time.Time) {
	i := 0
	for i < len(s.slots) && (s.bytes > s.config.RingBytes || now.Sub(s.slots[i].born) > s.config.RingAge) {
		s.bytes -= s.slots[i].bytes()
		i++
	}
	s.drop(i)
}

// drop takes the first n slots away, whose bytes are counted already.
func (s *Sender) drop(n int) {
	clear(s.slots[:n])
	s.slots = s.slots[n:]
	s.base += uint64(n)
	if len(s.slots) == 0 {
		s.slots, s.block = nil, nil
	}
}
