package disk

import (
	"encoding/binary"
	"slices"
)

// block is where frames of one topic lie in a data file.
type block struct {
	first          uint64
	count          uint64
	bytes          int64  // of frames
	oldest, newest uint64 // when its events came, nanoseconds
	file           uint64
	at             int64
	size           int64
}

func (b *block) end() uint64 { return b.first + b.count }

// chunk is frames of one append that lie in memory until they are in a block.
type chunk struct {
	first, count uint64
	at           uint64
	frames       []byte
}

func (c *chunk) end() uint64 { return c.first + c.count }

// run is consecutive events that came at the same time.
type run struct{ at, count uint64 }

// piece is frames in memory, with the time of each run of them.
type piece struct {
	first, count uint64
	runs         []run
	frames       []byte
}

func (c *chunk) piece() piece {
	return piece{c.first, c.count, []run{{c.at, c.count}}, c.frames}
}

// table is what retention must know of a piece.
type table struct {
	first uint64
	sizes []uint32
	ats   []uint64
}

func (p *piece) table() *table {
	t := &table{first: p.first}
	for b := p.frames; len(b) > 0; {
		n := frameSize(b)
		t.sizes = append(t.sizes, uint32(n))
		b = b[n:]
	}
	for _, r := range p.runs {
		t.ats = append(t.ats, slices.Repeat([]uint64{r.at}, int(r.count))...)
	}
	return t
}

func (t *table) end() uint64 { return t.first + uint64(len(t.sizes)) }

// covers reports whether an offset lies in the piece.
func (t *table) covers(offset uint64) bool { return t != nil && t.first <= offset && offset < t.end() }

// bytesBetween returns the size of the frames in [from, to).
func (t *table) bytesBetween(from, to uint64) (n int64) {
	for _, size := range t.sizes[from-t.first : to-t.first] {
		n += int64(size)
	}
	return n
}

// frameSize reads the length prefix, which does not count itself.
func frameSize(b []byte) int { return int(binary.BigEndian.Uint32(b)) + 4 }

// visit calls visit for the frames from offset from on, and reports whether
// it wants more.
func (p *piece) visit(from uint64, visit func(uint64, []byte) bool) bool {
	offset := p.first
	for b := p.frames; len(b) > 0; offset++ {
		n := frameSize(b)
		if offset >= from && !visit(offset, b[:n:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}
