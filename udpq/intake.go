package udpq

import (
	"iter"
	"sync"
)

// intakeBytes bounds what waits to be published.
const intakeBytes = 1 << 20

// intake is frames that were accepted and wait to be published.
type intake struct {
	mu      sync.Mutex
	stirred sync.Cond
	waiting []byte // frames, end to end
	fresh   int    // bytes of what waits that take room
	bytes   int    // the same, with what is being published
	asked   int    // questions among what waits
	closed  bool
	leaves  bool // the client leaves after the last of them
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

// put copies frames.
func (i *intake) put(frames []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.add(frames)
	i.bytes += len(frames)
	i.fresh += len(frames)
	i.stirred.Signal()
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
	i.add(frame)
	i.asked++
	i.stirred.Signal()
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
			batch, size := i.next()
			if len(batch) == 0 || !yield(batch) {
				return
			}
			i.finish(batch, size)
			done(size)
		}
	}
}

func (i *intake) next() (batch []byte, size int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.waiting) == 0 && !i.closed {
		i.stirred.Wait()
	}
	batch, i.waiting = i.waiting, nil
	size, i.fresh, i.asked = i.fresh, 0, 0
	return batch, size
}

// finish makes room for as much again.
func (i *intake) finish(batch []byte, size int) {
	if cap(batch) == intakeBuffer {
		intakeBuffers.Put((*[intakeBuffer]byte)(batch[:intakeBuffer]))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bytes -= size
}

// Buffers of this size go from one intake to another: a quiet one keeps none.
const intakeBuffer = 128 << 10

var intakeBuffers = sync.Pool{New: func() any { return new([intakeBuffer]byte) }}

// add appends frames to what waits. The caller holds mu.
func (i *intake) add(frames []byte) {
	if i.waiting == nil {
		i.waiting = intakeBuffers.Get().(*[intakeBuffer]byte)[:0]
	}
	i.waiting = append(i.waiting, frames...)
}
