package framing

import (
	"io"
)

// maxEmptyReads is how often a stream may answer neither bytes nor an error
// before the reader gives up with io.ErrNoProgress, as bufio does.
const maxEmptyReads = 100

// Sizes of a Reader's buffer. It starts small, since most connections are
// silent most of the time, and is large while they are busy: one read call
// fills at most what is free.
const (
	quietChunk = 4 << 10
	busyChunk  = 256 << 10
)

// Reader takes frames off a stream. It reads in large chunks, so that one
// system call brings many frames. Over a [LateReader] it has a buffer only
// while it has bytes. It is not safe for concurrent use.
type Reader struct {
	r      io.Reader
	late   LateReader // the same, if it is one
	take   func() []byte
	drop   func()
	stash  []byte // of the unfinished frame, while late reads
	limit  int
	buf    []byte
	pooled *[busyChunk]byte // that buf is of, if it is
	start  int              // first undelivered byte
	end    int              // past the last byte read
	err    error            // what the stream ended with, as it said it
}

// NewReader returns a reader of frames up to limit bytes; limit 0 means
// [DefaultLimit].
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = DefaultLimit
	}
	reader := &Reader{r: r, limit: limit}
	if late, ok := r.(LateReader); ok {
		reader.late, reader.take, reader.drop = late, reader.takeBuffer, reader.dropBuffer
	}
	return reader
}

// Next returns the next frame, which is valid until the following call. At a
// clean end it returns io.EOF; if the stream ends inside a frame,
// io.ErrUnexpectedEOF. Errors of [Parse] mean that the stream can no longer
// be followed.
func (r *Reader) Next() (f Frame, err error) {
	if err = r.Read(&f); err != nil {
		f = Frame{}
	}
	return f, err
}

// Read is Next into a frame of the caller's. After an error it makes no sense.
func (r *Reader) Read(f *Frame) error {
	if err := r.Await(); err != nil {
		return err
	}
	_, err := r.Take(f)
	return err
}

// Take is Read of a frame that is here already, and reports whether one is.
func (r *Reader) Take(f *Frame) (bool, error) {
	b := r.buf[r.start:r.end]
	size, err := Peek(b, r.limit)
	if err == ErrIncomplete || err == nil && size > len(b) {
		return false, nil
	}
	if err == nil {
		err = f.parse(b[:size:size])
	}
	if err != nil {
		return false, err
	}
	r.start += size
	return true, nil
}

// Await waits until the next frame is here. Its errors are those of Next.
func (r *Reader) Await() error {
	for {
		size, err := Peek(r.buf[r.start:r.end], r.limit)
		if err == nil && size <= r.end-r.start {
			return nil
		}
		if err != nil && err != ErrIncomplete {
			return err
		}
		if err := r.fill(); err != nil {
			return err
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

// Pending returns how many bytes are here and not returned by Next: while it
// reads, those of an unfinished frame.
func (r *Reader) Pending() int { return r.end - r.start }

// fill reads more bytes behind an incomplete frame.
func (r *Reader) fill() error {
	if r.err != nil {
		return r.ended()
	}
	for range maxEmptyReads {
		n, err := r.read()
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

// read reads once, behind what is here.
func (r *Reader) read() (int, error) {
	if r.late != nil && r.end-r.start <= maxStash {
		return r.readLate()
	}
	full := r.end == len(r.buf)
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	r.makeRoom(full)
	return r.r.Read(r.buf[r.end:])
}

// makeRoom moves the incomplete frame to the front, and grows a buffer that a
// read has filled: up to busyChunk in any case, beyond it only for a frame that
// has claimed, within the limit, to be larger.
func (r *Reader) makeRoom(full bool) {
	if r.start > 0 {
		copy(r.buf, r.buf[r.start:r.end])
		r.end -= r.start
		r.start = 0
	}
	if !full || len(r.buf) >= busyChunk && r.end < len(r.buf) {
		return
	}
	size := max(quietChunk, 2*len(r.buf))
	if size > busyChunk {
		size = min(size, r.limit)
	}
	grown := make([]byte, size)
	copy(grown, r.buf[:r.end])
	r.dropBuffer()
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
