package clock

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// Virtual is time that stands still until Step lets it pass to the next
// moment at which something is due. It is safe for concurrent use.
//
// At one moment what was asked for with Call comes first, one per Step, in
// the order of asking. Then its sleepers wake: those together, and in one Step,
// that went to sleep between the same two Steps, so that it does not matter in
// which order goroutines did; those that did so later wake in a later Step, so
// that it does not matter either which of them the machine lets run first.
type Virtual struct {
	start time.Time
	now   atomic.Int64 // since start, ns

	mu    sync.Mutex
	asked uint64
	steps uint64
	waits waitHeap
}

// NewVirtual returns a clock that stands at start.
func NewVirtual(start time.Time) *Virtual { return &Virtual{start: start} }

// Now tells the time.
func (v *Virtual) Now() time.Time { return v.start.Add(v.Elapsed()) }

// Elapsed returns how much time has passed since the start.
func (v *Virtual) Elapsed() time.Duration { return time.Duration(v.now.Load()) }

// AfterFunc runs f in its own goroutine once d has passed.
func (v *Virtual) AfterFunc(d time.Duration, f func()) Timer {
	return v.begin(d, &wait{wake: func(time.Time) { go f() }})
}

// NewTimer returns a timer whose channel receives once d has passed.
func (v *Virtual) NewTimer(d time.Duration) Timer {
	c := make(chan time.Time, 1) // the one wake-up, which nobody may be left to take
	return v.begin(d, &wait{c: c, wake: func(now time.Time) { c <- now }})
}

// Call runs f on the goroutine that steps the clock once d has passed. f must
// not wait for time to pass.
func (v *Virtual) Call(d time.Duration, f func()) Timer {
	return v.begin(d, &wait{called: true, wake: func(time.Time) { f() }})
}

func (v *Virtual) begin(d time.Duration, w *wait) Timer {
	w.clock, w.index = v, -1
	w.Reset(d)
	return w
}

// Step lets time pass to the next moment at which something is due and does
// it. It reports false if nothing is.
func (v *Virtual) Step() bool {
	due, now := v.take()
	for _, w := range due {
		w.wake(now)
	}
	return len(due) > 0
}

// take moves time and removes what is done at once.
func (v *Virtual) take() ([]*wait, time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.waits) == 0 {
		return nil, time.Time{}
	}
	first := heap.Pop(&v.waits).(*wait)
	v.now.Store(int64(first.due))
	v.steps++
	due := []*wait{first}
	for !first.called && len(v.waits) > 0 && v.waits[0].due == first.due && v.waits[0].step == first.step {
		due = append(due, heap.Pop(&v.waits).(*wait))
	}
	return due, v.Now()
}

// wait is one timer.
type wait struct {
	clock  *Virtual
	due    time.Duration // since the clock's start
	asked  uint64
	step   uint64 // after which it was asked for
	index  int    // in the heap, -1 if it is not there
	called bool
	c      chan time.Time
	wake   func(now time.Time)
}

// C returns the timer's channel.
func (w *wait) C() <-chan time.Time { return w.c }

// Stop ends the wait; nothing comes from C afterwards.
func (w *wait) Stop() bool {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	return w.stop()
}

func (w *wait) stop() bool {
	waiting := w.index >= 0
	if waiting {
		heap.Remove(&w.clock.waits, w.index)
	}
	select {
	case <-w.c: // as with *time.Timer, a wake-up not yet taken is as good as none
		return true
	default:
		return waiting
	}
}

// Reset begins the wait anew.
func (w *wait) Reset(d time.Duration) bool {
	v := w.clock
	v.mu.Lock()
	defer v.mu.Unlock()
	waiting := w.stop()
	v.asked++
	w.due, w.asked, w.step = v.Elapsed()+max(0, d), v.asked, v.steps
	heap.Push(&v.waits, w)
	return waiting
}

// waitHeap is a binary heap on (due, called first, asked).
type waitHeap []*wait

func (h waitHeap) Len() int { return len(h) }

func (h waitHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	switch {
	case a.due != b.due:
		return a.due < b.due
	case a.called != b.called:
		return a.called
	}
	return a.asked < b.asked
}

func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waitHeap) Push(x any) {
	w := x.(*wait)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waitHeap) Pop() any {
	old := *h
	last := len(old) - 1
	w := old[last]
	old[last] = nil
	*h = old[:last]
	w.index = -1
	return w
}
