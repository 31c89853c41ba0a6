package framing

import (
	"io"
)

// maxEmptyReads is how often a stream may answer neither bytes nor an error
// before the reader gives up with io.ErrNoProgress, as bufio does.
const maxEmptyReads = 100

const readChunk = 64 << 10 // first size of a Reader's buffer; one read call fills at most what is free

// Reader takes frames off a stream. It reads in large chunks, so that one
// system call brings many frames. It is not safe for concurrent use.
type Reader struct {
	r     io.Reader
	limit int
	buf   []byte
	start int   // first undelivered byte
	end   int   // past the last byte read
	err   error // what the stream ended with, as it said it
}

// NewReader returns a reader of frames up to limit bytes; limit 0 means
// [DefaultLimit].
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Reader{r: r, limit: limit, buf: make([]byte, min(readChunk, max(limit, MinSize)))}
}

// Next returns the next frame, which is valid until the following call. At a
// clean end it returns io.EOF; if the stream ends inside a frame,
// io.ErrUnexpectedEOF. Errors of [Parse] mean that the stream can no longer
// be followed.
func (r *Reader) Next() (Frame, error) {
	for {
		f, n, err := Parse(r.buf[r.start:r.end], r.limit)
		if err == nil {
			r.start += n
			return f, nil
		}
		if err != ErrIncomplete {
			return Frame{}, err
		}
		if err := r.fill(); err != nil {
			return Frame{}, err
		}
	}
}

// Buffered reports whether Next will return without reading: a whole frame,
// or an error, is already here. Use it to do work once per chunk read.
func (r *Reader) Buffered() bool {
	if r.err != nil {
		return true
	}
	size, err := Peek(r.buf[r.start:r.end], r.limit)
	if err != nil {
		return err != ErrIncomplete
	}
	return r.end-r.start >= size
}

// fill reads more bytes behind an incomplete frame.
func (r *Reader) fill() error {
	if r.err != nil {
		return r.ended()
	}
	r.makeRoom()
	for range maxEmptyReads {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		r.err = err
		if n > 0 {
			return nil // bytes may come together with the error: they go first
		}
		if err != nil {
			return r.ended()
		}
	}
	r.err = io.ErrNoProgress
	return r.err
}

// ended returns what the stream's end means for the bytes still here. It is
// decided when they are all that is left: at the moment of the last read
// there may be whole frames among them.
func (r *Reader) ended() error {
	if r.err == io.EOF && r.end > r.start {
		return io.ErrUnexpectedEOF
	}
	return r.err
}

// makeRoom moves the incomplete frame to the front and grows the buffer only
// for a frame that has claimed, within the limit, to be larger than it.
func (r *Reader) makeRoom() {
	if r.start > 0 {
		copy(r.buf, r.buf[r.start:r.end])
		r.end -= r.start
		r.start = 0
	}
	if r.end < len(r.buf) {
		return
	}
	grown := make([]byte, min(2*len(r.buf), r.limit))
	copy(grown, r.buf[:r.end])
	r.buf = grown
}

// Writer puts frames on a stream. Frames gather until Flush, so that many
// leave in one write. It is not safe for concurrent use.
type Writer struct {
	w   io.Writer
	buf []byte
	err error // of the first failed Flush
}

// NewWriter returns a writer onto w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write gathers one frame; nothing is sent before Flush.
func (w *Writer) Write(f *Frame) error {
	b, err := f.Append(w.buf)
	w.buf = b
	return err
}

// Buffered returns how many bytes wait for Flush.
func (w *Writer) Buffered() int { return len(w.buf) }

// Flush sends everything gathered, in one write. A write that failed may have
// cut a frame, so from then on every Flush fails with the same error.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	_, w.err = w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return w.err
}
