// Package badwire is what the tests of udpq's rungs share: time in which one
// thing happens after the other, and a wire that does what it likes to the
// datagrams on it, as a seed decides. Nothing here waits, and nothing is real.
package badwire

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Start is when every world begins.
var Start = time.Unix(1_700_000_000, 0)

// World is time, chance, and what is to happen. One goroutine uses it.
type World struct {
	Now    time.Time
	Random *rand.Rand
	todo   agenda
	asked  int
}

// New returns a world at Start. Another stream of the same seed has another
// chance.
func New(seed, stream uint64) World {
	return World{Now: Start, Random: rand.New(rand.NewPCG(seed, stream))}
}

// Later has something happen after d. Of what happens at the same moment, what
// was asked for first comes first.
func (w *World) Later(d time.Duration, do func() error) {
	w.asked++
	heap.Push(&w.todo, task{w.Now.Add(max(0, d)), w.asked, do})
}

// Run lets all happen, up to the first error; more than so many steps are one.
func (w *World) Run(most int) error {
	for steps := 0; len(w.todo) > 0; steps++ {
		if err := w.step(); err != nil {
			return err
		}
		if steps > most {
			return fmt.Errorf("no end in sight after %d steps, %v", steps, w.Now.Sub(Start))
		}
	}
	return nil
}

// RunFor lets happen what does in so long, up to the first error.
func (w *World) RunFor(d time.Duration) error {
	for end := w.Now.Add(d); len(w.todo) > 0 && w.todo[0].at.Before(end); {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) step() error {
	t := heap.Pop(&w.todo).(task)
	w.Now = t.at
	return t.do()
}

// Chance is true in so many of a hundred cases.
func (w *World) Chance(percent int) bool { return w.Random.IntN(100) < percent }

// Wire is what becomes of datagrams: chances in per cent, and times.
type Wire struct {
	Loss, Duplicate, Reorder, Corrupt int
	Delay                             time.Duration // one way
	Late                              time.Duration // by which what is reordered is later, at most
}

// Carried is what became of one datagram.
type Carried struct {
	Arrives, Corrupted, Late int // copies
}

// Carry puts a copy of a datagram on a wire; arrive is told of each that comes.
// Lost decides whether it is lost, instead of the wire, if it is not nil.
func (w *World) Carry(b []byte, wire Wire, lost func() bool, arrive func([]byte) error) (c Carried) {
	if w.Chance(wire.Duplicate) {
		c.Arrives = 1
	}
	c.Arrives++
	if lost == nil && w.Chance(wire.Loss) || lost != nil && lost() {
		c.Arrives = 0
	}
	for range c.Arrives {
		got, delay := slices.Clone(b), wire.Delay
		if w.Chance(wire.Corrupt) {
			got[w.Random.IntN(len(got))] ^= 1 << w.Random.IntN(8)
			c.Corrupted++
		}
		if w.Chance(wire.Reorder) {
			delay += time.Duration(w.Random.Int64N(int64(wire.Late) + 1))
			c.Late++
		}
		w.Later(delay, func() error { return arrive(got) })
	}
	return c
}

type task struct {
	at    time.Time
	asked int
	do    func() error
}

type agenda []task

func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].asked < a[j].asked
}

func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

func (a *agenda) Push(x any) { *a = append(*a, x.(task)) }

func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}
