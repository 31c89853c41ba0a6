package pcapng

import (
	"io"
	"time"
)

// ChunkBytes is the size of a chunk, large enough for goroutines to wait for
// each other seldom. A chunk is longer only for a long block.
const ChunkBytes = 4 << 20

// Chunk is a run of packets that were read and not yet looked into, so that
// several goroutines can share the work of one file: each has a chunk of its
// own and takes the next with [Reader.NextChunk], one at a time; what is in it
// then needs the reader no more. The zero value is an empty one.
type Chunk struct {
	scope
	buf  []byte // kept for the next chunk
	rest []byte // blocks not yet read

	guessed bool // by [Reader.Guess]
	beyond  int  // of rest, so much is behind where its last block begins
}

// Next reads the next packet, which is valid as long as the chunk. At the end
// it returns io.EOF, where the file makes no sense a [*FormatError]; p is then
// as it was.
func (c *Chunk) Next(p *Raw) error {
	if c.fast(p) {
		return nil
	}
	for len(c.rest) > c.beyond {
		kind, block, err := c.block()
		if err == nil && c.isPacket(kind) {
			_, err = c.raw(kind, c.body(block), p)
		}
		if err != nil && c.guessed {
			return io.EOF // for the reader to judge
		} else if err != nil {
			return err
		}
		c.pass(len(block))
		if c.isPacket(kind) {
			return nil
		}
	}
	return io.EOF
}

// block returns the next block.
func (c *Chunk) block() (kind uint32, b []byte, err error) {
	if len(c.rest) < c.head() {
		return 0, nil, io.ErrUnexpectedEOF
	}
	kind, size, err := c.extent(c.rest)
	if err != nil {
		return 0, nil, err
	}
	if int(size) > len(c.rest) || c.changes(kind) {
		return 0, nil, io.ErrUnexpectedEOF
	}
	b = c.rest[:size]
	return kind, b, c.closes(b)
}

func (c *Chunk) pass(n int) {
	c.rest = c.rest[n:]
	c.offset += int64(n)
}

// leastEnhanced is the size of an enhanced packet block without data: type,
// size, interface, time, two lengths, size.
const leastEnhanced = 32

// fast is Next for what nearly every block is, an enhanced packet block of a
// little-endian section with nothing wrong. Of any other it reports false,
// having read nothing.
func (c *Chunk) fast(p *Raw) bool {
	b := c.rest
	if len(b) < leastEnhanced || len(b) <= c.beyond || bool(c.endian) || c.classic {
		return false
	}
	size, id, captured := le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[20:])
	if le.Uint32(b) != blockEnhanced || size < leastEnhanced || size > MaxBlock || size%4 != 0 || int(size) > len(b) ||
		captured > size-leastEnhanced || le.Uint32(b[size-4:]) != size || int(id) >= len(c.interfaces)-c.first {
		return false
	}
	p.Interface = c.first + int(id)
	p.Data = b[28 : 28+captured : 28+captured]
	p.Length = int(max(le.Uint32(b[24:]), captured))
	p.ticks, p.untimed = uint64(le.Uint32(b[12:]))<<32|uint64(le.Uint32(b[16:])), false
	c.pass(int(size))
	return true
}

// Offset returns where in the file the block is that Next reads next.
func (c *Chunk) Offset() int64 { return c.offset }

// LinkType returns the link type of the interface of a packet of the chunk.
func (c *Chunk) LinkType(p *Raw) uint16 { return c.interfaces[p.Interface].LinkType }

// Time returns when a packet of the chunk was captured.
func (c *Chunk) Time(p *Raw) time.Time { return c.time(p) }

// NextChunk fills c with the next packets, and whatever c was before is gone.
// Its errors are those of [Reader.Next]; those of single packets come from
// [Chunk.Next]. Blocks that are no packets are passed over; use either this or
// Next.
func (r *Reader) NextChunk(c *Chunk) error {
	c.rest = nil
	for size := ChunkBytes; r.err == nil; {
		if len(r.w.rest()) < ChunkBytes/2 {
			r.w.fill(ChunkBytes)
		}
		r.offset = r.next
		rest := r.w.rest()
		if size = r.walk(rest[:min(size, len(rest))]); size > 0 {
			r.hand(c, size)
			return nil
		}
		block, kind, err := r.peekBlock() // a long one, one that is no packet, or the end
		size = max(len(block), ChunkBytes)
		if err == nil && !r.isPacket(kind) {
			r.pass(len(block))
			err = r.keep(kind, r.body(block))
		}
		r.err = err
	}
	return r.err
}

// walk returns how many bytes of b are whole blocks that change nothing of
// the scope, and counts the packets in them. It looks at nothing but where
// they begin, for that is what goroutines wait for.
func (r *Reader) walk(b []byte) (size int) {
	head := r.head()
	for len(b)-size >= head {
		kind, n, err := r.extent(b[size:])
		if err != nil || int(n) > len(b)-size || r.changes(kind) {
			break // for peekBlock to judge
		}
		if r.isPacket(kind) {
			r.packets++
		}
		size += int(n)
	}
	return size
}

// hand gives the next size bytes to c. The fewer bytes are copied, those or
// the ones behind them: then c takes the reader's buffer, and it c's.
func (r *Reader) hand(c *Chunk, size int) {
	c.scope, c.guessed, c.beyond = r.scope, false, 0
	w := &r.w
	c.rest = w.rest()[:size]
	r.pass(size)
	switch behind := w.rest(); {
	case w.whole: // nothing will be written over
	case size < len(behind):
		c.buf = append(c.buf[:0], c.rest...)
		c.rest = c.buf
	default:
		c.buf, w.buf = w.buf, c.buf[:cap(c.buf)]
		if need := max(len(behind), ChunkBytes); len(w.buf) < need {
			w.buf = make([]byte, need)
		}
		w.from, w.to = 0, copy(w.buf, behind)
	}
}
