package framing

import (
	"io"
	"sync"
)

// Of an unfinished frame, a Reader over a [LateReader] keeps so much without a
// buffer of busyChunk; so much room it keeps for the next one.
const (
	maxStash   = 16 << 10
	quietStash = 512
)

// LateReader is a stream that waits for bytes without a place for them: when
// some are there it asks take for a buffer, reads into it once, and may then
// be called again. If there were none after all, it gives it back by drop.
type LateReader interface {
	io.Reader
	ReadLate(take func() []byte, drop func()) (int, error)
}

// busyBuffers are the buffers of readers that have nothing left to deliver.
var busyBuffers = sync.Pool{New: func() any { return new([busyChunk]byte) }}

// takeBuffer returns the room behind the unfinished frame, in a buffer from
// the pool.
func (r *Reader) takeBuffer() []byte {
	if r.pooled == nil {
		r.pooled = busyBuffers.Get().(*[busyChunk]byte)
		r.buf = r.pooled[:]
	}
	return r.buf[copy(r.buf, r.stash):]
}

// dropBuffer gives the buffer, of which nothing is needed, back.
func (r *Reader) dropBuffer() {
	if r.pooled != nil {
		busyBuffers.Put(r.pooled)
	}
	r.buf, r.pooled = nil, nil
}

// readLate keeps the unfinished frame apart, so that the buffer may go while
// there is nothing to read.
func (r *Reader) readLate() (int, error) {
	if r.start == r.end && cap(r.stash) > quietStash {
		r.stash = nil
	}
	r.stash = append(r.stash[:0], r.buf[r.start:r.end]...)
	r.start, r.end = 0, len(r.stash)
	n, err := r.late.ReadLate(r.take, r.drop)
	if r.buf == nil {
		r.buf, r.stash = r.stash, nil
	}
	return n, err
}
