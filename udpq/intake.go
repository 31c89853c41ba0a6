package udpq

import (
	"iter"
	"slices"
	"sync"
)

// intakeBytes bounds what waits to be published.
const intakeBytes = 2 << 20

// intake is frames that were accepted and wait to be published.
type intake struct {
	mu      sync.Mutex
	stirred sync.Cond
	waiting []taking // the oldest first
	bytes   int      // of all that take room, what is being published too
	asked   int      // questions among what waits
	held    bool     // stir will tell of what is put
	closed  bool
	leaves  bool // the client leaves after the last of them
}

// taking is frames that are published together: those of several datagrams,
// end to end.
type taking struct {
	frames []byte
	bytes  int // of them, that take room
	asked  int // questions among them
}

func newIntake() *intake {
	i := new(intake)
	i.stirred.L = &i.mu
	return i
}

// room reports whether another datagram may be put, and what the receiver may
// have held back until it; with bounded, the receiver sees to it that there is
// room.
func (i *intake) room(bounded bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.closed && (bounded || i.bytes < intakeBytes)
}

// put copies the frames of datagrams.
func (i *intake) put(ready [][]byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, frames := range ready {
		i.add(frames).bytes += len(frames)
		i.bytes += len(frames)
	}
	if !i.held {
		i.stirred.Signal()
	}
}

// hold lets what is put wait until stir, to be published together.
func (i *intake) hold() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.held = true
}

func (i *intake) stir() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.held = false
	if len(i.waiting) > 0 {
		i.stirred.Signal()
	}
}

// maxAsked bounds the questions that wait with what is to be published.
const maxAsked = 16

// ask puts a question behind what waits, unless too many do. It takes no room.
func (i *intake) ask(frame []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.asked == maxAsked {
		return
	}
	i.add(frame).asked++
	i.asked++
	i.stirred.Signal()
}

// add appends frames to what waits. The caller holds mu.
func (i *intake) add(frames []byte) *taking {
	if n := len(i.waiting); n == 0 || len(i.waiting[n-1].frames)+len(frames) > intakeBuffer {
		i.waiting = append(i.waiting, taking{frames: newIntakeBuffer()})
	}
	t := &i.waiting[len(i.waiting)-1]
	t.frames = append(t.frames, frames...)
	return t
}

// close lets the batches end after what waits.
func (i *intake) close(leaves bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	i.leaves = i.leaves || leaves
	i.stirred.Signal()
}

func (i *intake) left() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.leaves
}

// batches yields the frames that wait until the intake is closed and empty.
// What was yielded takes room until the next; done is told how much.
func (i *intake) batches(done func(bytes int)) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			t := i.next()
			if len(t.frames) == 0 || !yield(t.frames) {
				return
			}
			i.finish(t)
			done(t.bytes)
		}
	}
}

func (i *intake) next() (t taking) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.waiting) == 0 && !i.closed {
		i.stirred.Wait()
	}
	if len(i.waiting) > 0 {
		t = i.waiting[0]
		i.waiting = slices.Delete(i.waiting, 0, 1)
		i.asked -= t.asked
	}
	return t
}

// finish makes room for as much again.
func (i *intake) finish(t taking) {
	freeIntakeBuffer(t.frames)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bytes -= t.bytes
}

// Buffers of this size go from one intake to another: a quiet one keeps none.
// The frames of any datagram fit.
const intakeBuffer = 128 << 10

var intakeBuffers = sync.Pool{New: func() any { return new([intakeBuffer]byte) }}

func newIntakeBuffer() []byte { return intakeBuffers.Get().(*[intakeBuffer]byte)[:0] }

// freeIntakeBuffer takes a buffer back, unless it has become a larger one.
func freeIntakeBuffer(b []byte) {
	if cap(b) == intakeBuffer {
		intakeBuffers.Put((*[intakeBuffer]byte)(b[:intakeBuffer]))
	}
}
