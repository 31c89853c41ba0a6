package fec_test

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/udpq/fec"
)

const ms = time.Millisecond

// trial is one way over a bad wire.
type trial struct {
	Seed                              uint64
	Params                            fec.Params
	Datagrams, Frames, Size           int // frames in each, bytes of a payload, at most
	Every                             time.Duration
	Loss, Duplicate, Reorder, Corrupt int // per cent
	Burst                             int // mean length in datagrams of what is lost at a time
	Delay                             time.Duration
	Unordered                         bool
	HeldBytes                         int
}

// world is what a trial runs in: time, and what is to happen.
type world struct {
	trial
	random    *rand.Rand
	now       time.Time
	todo      agenda
	asked     int
	send      *fec.Sender
	receive   *fec.Decoder
	sent      [][]byte        // the frames of each datagram, by number from 1
	bad       bool            // the wire loses everything at the moment
	hit       map[uint64]bool // numbers that did not arrive as they were
	groups    map[uint64]*loss
	delivered []uint64
	looks     int // which look at the timers counts
}

// loss is what the wire did to a group.
type loss struct {
	members []uint64
	parity  int
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

var start = time.Unix(1_700_000_000, 0)

// run lets a trial happen.
func (c trial) run() (*world, error) {
	w := &world{
		trial: c, random: rand.New(rand.NewPCG(c.Seed, 1)), now: start,
		send: fec.NewSender(c.Params, 0, 0), receive: fec.NewDecoder(c.Params, c.Unordered, 0, c.HeldBytes),
		sent: [][]byte{nil}, hit: make(map[uint64]bool), groups: make(map[uint64]*loss),
	}
	w.later(0, w.emit)
	for steps := 0; len(w.todo) > 0; steps++ {
		t := heap.Pop(&w.todo).(task)
		w.now = t.at
		if err := t.do(); err != nil {
			return w, err
		}
		if steps > 100*(c.Datagrams+100) {
			return w, fmt.Errorf("no end in sight after %d steps, %v", steps, w.now.Sub(start))
		}
	}
	return w, nil
}

// emit sends the next datagram, and asks for the one after.
func (w *world) emit() error {
	if len(w.sent) > w.Datagrams {
		return nil
	}
	var frames []byte
	for range 1 + w.random.IntN(w.Frames) {
		payload := make([]byte, 8+w.random.IntN(w.Size+1))
		for i := range payload {
			payload[i] = byte(w.random.Uint32())
		}
		binary.BigEndian.PutUint64(payload, uint64(len(w.sent)))
		var err error
		if frames, err = (&framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Topic: []byte("t"), Payload: payload}).Append(frames); err != nil {
			return err
		}
	}
	w.sent = append(w.sent, frames)
	if !w.send.Room() {
		return fmt.Errorf("no room for datagram %d", len(w.sent)-1)
	}
	w.send.Send(w.now, frames)
	w.later(time.Duration(w.random.Int64N(int64(2*w.Every)+1)), w.emit)
	return w.act()
}

// act sends what may leave, and looks again at Wake.
func (w *world) act() error {
	w.send.OnTimer(w.now)
	for {
		b, frames, ok := w.send.Next(w.now)
		if !ok {
			break
		}
		if _, h, found, _ := fec.Split(b); !found || (h.Number > 0) != (len(frames) > 0) {
			return fmt.Errorf("Next() = % x with %d bytes of frames", b, len(frames))
		}
		w.carry(b)
	}
	if err := w.take(w.receive.OnTimer(w.now)); err != nil {
		return err
	}
	wake := w.send.Wake(w.now)
	if r := w.receive.Wake(); wake.IsZero() || !r.IsZero() && r.Before(wake) {
		wake = r
	}
	if wake.IsZero() {
		return nil
	}
	w.looks++
	look := w.looks
	w.later(max(0, wake.Sub(w.now)), func() error {
		if look != w.looks {
			return nil
		}
		return w.act()
	})
	return nil
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// lose says whether the wire loses the next datagram: of the two states of
// Gilbert and Elliott, the bad one loses all.
func (w *world) lose() bool {
	if w.Burst <= 1 {
		return w.chance(w.Loss)
	}
	if w.bad {
		w.bad = w.random.IntN(w.Burst) > 0
	} else {
		w.bad = w.random.Float64()*float64(w.Burst)*float64(100-w.Loss) < float64(w.Loss)
	}
	return w.bad
}

// carry is the wire.
func (w *world) carry(b []byte) {
	copies := 1
	if w.chance(w.Duplicate) {
		copies = 2
	}
	whole := 0
	if w.lose() {
		copies = 0
	}
	for range copies {
		got, delay := slices.Clone(b), w.Delay
		if w.chance(w.Corrupt) {
			got[w.random.IntN(len(got))] ^= 1 << w.random.IntN(8)
		} else {
			whole++
		}
		if w.chance(w.Reorder) {
			delay += time.Duration(w.random.Int64N(int64(20 * ms)))
		}
		w.later(delay, func() error { return w.arrive(got) })
	}
	w.note(b, whole > 0)
}

// note remembers what became of a datagram, and of what group it is.
func (w *world) note(b []byte, arrives bool) {
	_, h, _, _ := fec.Split(b)
	if h.Number > 0 {
		w.hit[h.Number] = !arrives
		return
	}
	g := w.groups[h.Parity.First]
	if g == nil {
		g = new(loss)
		for i := range h.Parity.Data {
			g.members = append(g.members, h.Parity.First+uint64(i)*uint64(w.Params.Depth))
		}
		w.groups[h.Parity.First] = g
	}
	if arrives {
		g.parity++
	}
}

// arrive opens a datagram.
func (w *world) arrive(b []byte) error {
	frames, h, found, _ := fec.Split(b)
	if !found {
		return nil
	}
	err := w.take(w.receive.Accept(w.now, &h, frames))
	if held := w.receive.Held(); held > w.HeldBytes {
		return fmt.Errorf("%d bytes held, want %d at most", held, w.HeldBytes)
	}
	if err != nil {
		return err
	}
	return w.act()
}

// take checks what is delivered: byte for byte what was sent.
func (w *world) take(list [][]byte) error {
	for _, frames := range list {
		number := uint64(0)
		for f, err := range framing.Unpack(frames) {
			if err != nil {
				return err
			}
			number = binary.BigEndian.Uint64(f.Payload)
		}
		if number >= uint64(len(w.sent)) || !slices.Equal(frames, w.sent[number]) {
			return fmt.Errorf("delivered as %d what was never sent", number)
		}
		w.delivered = append(w.delivered, number)
	}
	return nil
}
