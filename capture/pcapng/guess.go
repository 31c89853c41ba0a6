package pcapng

// A file that is in memory can be read from several places at once, if one
// knows where blocks begin there. That can be guessed: a guess is right if the
// blocks before it end where it begins.
//
//	       │  piece            │  piece            │
//	blocks ├───┬─────┬───┬───┬───┬───────┬───┬───┬───┬──
//	                     guessed ▲                guessed ▲

// Guessable reports whether [Reader.Guess] may be used: the file is in memory
// and is a little-endian section.
func (r *Reader) Guessable() bool { return r.w.whole && !r.classic && !bool(r.endian) }

// Preamble reads the blocks before the first packet, or before another
// section. Its errors are those of Next.
func (r *Reader) Preamble() error {
	for r.err == nil {
		block, kind, err := r.peekBlock()
		if err != nil || r.isPacket(kind) || kind == blockSection {
			return nil // for who reads on
		}
		r.pass(len(block))
		r.err = r.keep(kind, r.body(block))
	}
	return r.err
}

// Position returns where in the file the next block begins.
func (r *Reader) Position() int64 { return r.next }

// Guess fills c with the blocks that begin in [from, until) of the file, from
// where one of a packet seems to. The first may begin before until and end
// behind it. [Chunk.Offset] tells where the next of them is, and so, in the
// end, how far the chunk leads: not to until, if before it there is a block
// that only the reader can judge, which is also why [Chunk.Next] returns no
// other error than io.EOF. With several goroutines, nobody may use the reader
// in another way meanwhile.
func (r *Reader) Guess(c *Chunk, from, until int64) {
	r.from(c, from, until)
	for len(c.rest) > c.beyond && !c.likely() {
		c.pass(min(4, len(c.rest))) // the size of a block is a multiple of it
	}
}

// From is Guess for who knows that a block begins there.
func (r *Reader) From(c *Chunk, from, until int64) { r.from(c, from, until) }

func (r *Reader) from(c *Chunk, from, until int64) {
	c.scope, c.guessed = r.scope, true
	c.rest, c.offset = r.w.buf[from:], from
	c.beyond = len(r.w.buf) - int(until)
}

// likely reports whether a packet's block seems to begin here, and a block
// that there may be behind it.
func (c *Chunk) likely() bool {
	const largest = 1 << 20 // bytes of a packet that a search goes by
	b := c.rest
	if len(b) < leastEnhanced || le.Uint32(b) != blockEnhanced {
		return false
	}
	size := le.Uint32(b[4:])
	if size < leastEnhanced || size%4 != 0 || size > largest || int(size) > len(b) || le.Uint32(b[size-4:]) != size {
		return false
	}
	const types = 1 << 16 // all that are known are below
	return len(b) < int(size)+envelopeBytes || le.Uint32(b[size:]) < types || le.Uint32(b[size:]) == blockSection
}

// Advance has the reader go on at an offset where a block begins, behind so
// many packets that were read from guesses.
func (r *Reader) Advance(to int64, packets int) {
	r.pass(int(to - r.next))
	r.packets += packets
}
