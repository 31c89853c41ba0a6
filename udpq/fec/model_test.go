package fec_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rawlab/udpq/fec"
)

const plenty = 64 << 20 // bytes held: the bound does not matter

// judge runs a trial and says what was not kept of the promise: each datagram
// once or counted as given up, in order if wanted, and of a group that lost
// no more than its parity, all.
func judge(c trial) error {
	w, err := c.run()
	if err != nil {
		return err
	}
	if !c.Unordered && !slices.IsSorted(w.delivered) {
		return fmt.Errorf("delivered out of order: %v", w.delivered)
	}
	met := make(map[uint64]bool, len(w.delivered))
	for _, n := range w.delivered {
		if met[n] {
			return fmt.Errorf("datagram %d delivered twice", n)
		}
		met[n] = true
	}
	st, known := w.receive.Stats(), w.known()
	if uint64(len(met))+st.Unrepaired != known {
		return fmt.Errorf("%d delivered, %d given up, want %d together: %+v", len(met), st.Unrepaired, known, st)
	}
	if st.Invalid > 0 {
		return fmt.Errorf("%+v, want nothing invalid", st)
	}
	for n := uint64(1); n < uint64(len(w.sent)); n++ {
		if !w.hit[n] && !met[n] && c.HeldBytes == plenty {
			return fmt.Errorf("datagram %d arrived and was not delivered: %+v", n, st)
		}
	}
	if held := w.receive.Held(); held != 0 {
		return fmt.Errorf("%d bytes held in the end, want none", held)
	}
	if c.HeldBytes < plenty {
		return nil
	}
	return w.judgeGroups(met)
}

// known returns the highest number that any datagram told the receiver.
func (w *world) known() (n uint64) {
	for number, hit := range w.hit {
		if !hit {
			n = max(n, number)
		}
	}
	for _, g := range w.groups {
		if g.parity > 0 {
			n = max(n, g.members[len(g.members)-1])
		}
	}
	return n
}

func (w *world) judgeGroups(met map[uint64]bool) error {
	covered := 0
	for first, g := range w.groups {
		lost := 0
		for _, n := range g.members {
			if w.hit[n] {
				lost++
			}
		}
		covered += len(g.members)
		for _, n := range g.members {
			if lost <= g.parity && !met[n] {
				return fmt.Errorf("group of %d from %d lost %d, and %d parity came: datagram %d was not repaired", len(g.members), first, lost, g.parity, n)
			}
		}
	}
	if covered != len(w.sent)-1 {
		return fmt.Errorf("%d datagrams covered by parity, want %d", covered, len(w.sent)-1)
	}
	return nil
}

// drawn returns a trial that depends on nothing but the seed.
func drawn(seed uint64) trial {
	r := rand.New(rand.NewPCG(seed, 0))
	shapes := []fec.Params{{1, 1, 1}, {1, 3, 2}, {2, 1, 3}, {4, 2, 1}, {8, 2, 1}, {8, 2, 4}, {10, 4, 1}, {20, 3, 2}, {64, 16, 1}, {16, 4, 16}}
	c := trial{
		Seed: seed, Params: shapes[r.IntN(len(shapes))], Datagrams: r.IntN(300), Frames: 1 + r.IntN(4), Size: r.IntN(400),
		Every: time.Duration(r.IntN(3000)) * time.Microsecond, Loss: r.IntN(30), Burst: 1 + r.IntN(8),
		Duplicate: r.IntN(20), Reorder: r.IntN(40), Corrupt: r.IntN(10),
		Delay: time.Duration(r.IntN(100)) * ms, Unordered: r.IntN(2) == 0, HeldBytes: plenty,
	}
	if r.IntN(4) == 0 {
		c.HeldBytes = 2 << 10 << r.IntN(8)
	}
	return c
}

func TestEveryDatagramOnce(t *testing.T) {
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		if c := drawn(seed); judge(c) != nil {
			t.Fatalf("%+v: %v", c, judge(c))
		}
	}
}

// The same, shrunk by rapid when it fails.
func TestLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
		c := trial{
			Seed: rapid.Uint64().Draw(t, "seed"), Params: fec.Params{Data: draw("k", 1, 16), Parity: draw("m", 1, 5), Depth: draw("depth", 1, 5)},
			Datagrams: draw("datagrams", 0, 60), Frames: draw("frames", 1, 3), Size: draw("size", 0, 200),
			Every: time.Duration(draw("every µs", 0, 4000)) * time.Microsecond, Loss: draw("loss", 0, 40), Burst: draw("burst", 1, 5),
			Duplicate: draw("duplicate", 0, 20), Reorder: draw("reorder", 0, 40), Corrupt: draw("corrupt", 0, 10),
			Delay: time.Duration(draw("delay ms", 0, 50)) * ms, Unordered: rapid.Bool().Draw(t, "unordered"),
			HeldBytes: rapid.SampledFrom([]int{plenty, plenty, 2 << 10, 8 << 10}).Draw(t, "held"),
		}
		if err := judge(c); err != nil {
			t.Fatal(err)
		}
	})
}
