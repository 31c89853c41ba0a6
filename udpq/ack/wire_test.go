package ack_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// trial is one conversation over a bad wire: both ends emit.
type trial struct {
	Seed                              uint64
	Events                            int // of each end
	Size                              int // of a payload in bytes
	Loss, Duplicate, Reorder, Corrupt int // per cent
	Delay                             time.Duration
	Unordered                         bool
	DeadAfter                         int // datagrams, then the wire carries nothing more; 0: never
	BufferBytes, HeldBytes, PackBytes int
	Slow                              time.Duration // what the application takes for an event
	Congestion                        ack.Congestion
}

// world is what a trial runs in: time, and what is to happen.
type world struct {
	trial
	random  *rand.Rand
	now     time.Time
	todo    agenda
	asked   int
	carried int
	ends    [2]*end
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
func (a *agenda) Push(x any)   { *a = append(*a, x.(task)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (w *world) later(d time.Duration, do func() error) {
	w.asked++
	heap.Push(&w.todo, task{w.now.Add(d), w.asked, do})
}

// end is one of the two.
type end struct {
	w         *world
	peer      *end
	send      *ack.Sender
	receive   *ack.Receiver
	emitted   int
	delivered []uint64
	given     error
	looks     int       // which look at the timers counts
	busy      time.Time // until then the application is at what was delivered
}

const firstSecond = 1_700_000_000

var start = time.Unix(firstSecond, 0)

// run lets a trial happen and returns the two ends.
func (c trial) run() ([2]*end, error) {
	w := &world{trial: c, random: rand.New(rand.NewPCG(c.Seed, 1)), now: time.Unix(firstSecond, 0)}
	for i := range w.ends {
		w.ends[i] = &end{w: w, send: ack.NewSender(ack.SenderConfig{BufferBytes: c.BufferBytes, PackBytes: c.PackBytes, Congestion: c.Congestion}), receive: ack.NewReceiver(c.Unordered, c.HeldBytes)}
	}
	w.ends[0].peer, w.ends[1].peer = w.ends[1], w.ends[0]
	for _, e := range w.ends {
		w.later(0, e.act)
	}
	for steps := 0; len(w.todo) > 0; steps++ {
		t := heap.Pop(&w.todo).(task)
		w.now = t.at
		if err := t.do(); err != nil {
			return w.ends, err
		}
		if steps > 400*(c.Events+100) {
			return w.ends, fmt.Errorf("no end in sight after %d steps, %v", steps, w.now.Sub(time.Unix(firstSecond, 0)))
		}
	}
	return w.ends, nil
}

// act emits what there is room for, sends what may leave, and looks again at Wake.
func (e *end) act() error {
	if err := e.send.OnTimer(e.w.now); err != nil {
		e.given = err
		return nil
	}
	for e.emitted < e.w.Events && e.send.Room() {
		e.emitted++
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Sequence: uint64(e.emitted), Topic: []byte("t"), Payload: make([]byte, e.w.Size)}
		b, err := f.Append(nil)
		if err != nil {
			return err
		}
		e.send.Send(b)
		if most := e.w.BufferBytes + len(b); e.send.Buffered() > most {
			return fmt.Errorf("%d bytes buffered, want %d at most", e.send.Buffered(), most)
		}
	}
	for {
		h, frames, ok := e.send.Next(e.w.now)
		if !ok {
			break
		}
		e.receive.Piggyback(&h)
		e.carry(h.Append(slices.Clone(frames)))
	}
	if e.receive.AckDue(e.w.now) {
		h := e.receive.Acknowledge()
		e.carry(h.Append(nil))
	}
	e.look()
	return nil
}

// look asks for the next act at the earlier Wake.
func (e *end) look() {
	wake := e.send.Wake(e.w.now)
	if r := e.receive.Wake(); wake.IsZero() || !r.IsZero() && r.Before(wake) {
		wake = r
	}
	if wake.IsZero() {
		return
	}
	e.looks++
	look := e.looks
	e.w.later(max(0, wake.Sub(e.w.now)), func() error {
		if look != e.looks {
			return nil
		}
		return e.act()
	})
}

// carry is the wire.
func (e *end) carry(b []byte) {
	w := e.w
	w.carried++
	copies := 1
	hit := func(percent int) bool { return w.random.IntN(100) < percent }
	if hit(w.Duplicate) {
		copies = 2
	}
	if hit(w.Loss) || w.DeadAfter > 0 && w.carried > w.DeadAfter {
		copies = 0
	}
	for range copies {
		got, delay := slices.Clone(b), w.Delay
		if hit(w.Corrupt) {
			got[w.random.IntN(len(got))] ^= 1 << w.random.IntN(8)
		}
		if hit(w.Reorder) {
			delay += time.Duration(w.random.Int64N(int64(4*w.Delay) + 1))
		}
		w.later(delay, func() error { return e.peer.arrive(got) })
	}
}

// arrive opens a datagram.
func (e *end) arrive(b []byte) error {
	frames, h, found, _ := ack.Split(b)
	if !found || e.given != nil {
		return nil
	}
	e.send.OnAck(e.w.now, &h)
	if h.Number > 0 {
		for _, ready := range e.receive.Accept(e.w.now, &h, frames) {
			for f, err := range framing.Unpack(ready) {
				if err != nil {
					return err
				}
				e.delivered = append(e.delivered, f.Sequence)
			}
			e.finish(len(ready))
		}
	}
	if e.receive.Held() > e.w.HeldBytes {
		return fmt.Errorf("%d bytes held, want %d at most", e.receive.Held(), e.w.HeldBytes)
	}
	return e.act()
}

// finish lets the application be done with what was delivered, some time after
// what came before it.
func (e *end) finish(bytes int) {
	if e.w.Slow == 0 {
		e.receive.Done(bytes)
		return
	}
	if e.busy.Before(e.w.now) {
		e.busy = e.w.now
	}
	e.busy = e.busy.Add(e.w.Slow)
	e.w.later(e.busy.Sub(e.w.now), func() error {
		e.receive.Done(bytes)
		if e.given != nil {
			return nil
		}
		return e.act()
	})
}
