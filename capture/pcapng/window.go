package pcapng

import (
	"io"
	"slices"
)

// readBuffer is how many bytes are asked for in one read call, few enough for
// a CPU's second cache to hold them until they are looked at.
const readBuffer = 256 << 10

// window is the part of a stream that is in memory.
type window struct {
	r        io.Reader
	buf      []byte
	from, to int   // buf[from:to] is not used yet
	err      error // of r: no more will come
	whole    bool  // buf is all there is, and is not to be changed
}

// rest returns what was read and not used.
func (w *window) rest() []byte { return w.buf[w.from:w.to] }

// peek returns the next n bytes, which are valid until the following call.
// It waits for no more than those, and takes memory for what really arrives,
// not for what is asked. If the stream ends before, it returns what there is
// and why.
func (w *window) peek(n int) ([]byte, error) {
	for w.to-w.from < n {
		if w.err != nil {
			return w.rest(), w.err
		}
		w.room(n)
		w.read()
	}
	return w.buf[w.from : w.from+n], nil
}

// fill reads until there are n bytes or the stream is at its end.
func (w *window) fill(n int) {
	for w.to-w.from < n && w.err == nil {
		if len(w.buf) < n {
			w.buf = append(make([]byte, 0, n), w.rest()...)[:n]
			w.from, w.to = 0, w.to-w.from
		}
		w.room(n)
		w.read()
	}
}

// room makes some for more bytes, of which n are wanted in a row.
func (w *window) room(n int) {
	if w.from > 0 && w.from+n > len(w.buf) {
		w.from, w.to = 0, copy(w.buf, w.rest())
	}
	if w.to < len(w.buf) {
		return
	}
	size := max(readBuffer, min(n, 2*len(w.buf)))
	w.buf = slices.Grow(w.buf, size-len(w.buf))[:size]
}

// emptyReads is how often a reader may return nothing, and no error, in a row.
const emptyReads = 100

func (w *window) read() {
	for range emptyReads {
		n, err := w.r.Read(w.buf[w.to:])
		w.to += n
		w.err = err
		if n > 0 || err != nil {
			return
		}
	}
	w.err = io.ErrNoProgress
}
