package ack_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// Up to so many per cent of a trial's datagrams may be lost or corrupted
// before giving up, after five or six pairs of probes in vain, is no wonder: of
// the seeds, which are always the same, and of what rapid draws.
const (
	sureOfSeeds = 20
	sureOfDrawn = 5
)

// judge runs a trial and says what was not kept of the promise: each event
// once, in order if wanted, and everything acknowledged, surely so up to a loss; or given up, and
// then every event delivered or told as unacknowledged.
func judge(c trial, sure int) error {
	ends, err := c.run()
	if err != nil {
		return err
	}
	for i, e := range ends {
		got := e.peer.delivered
		if !c.Unordered && !slices.IsSorted(got) {
			return fmt.Errorf("end %d: delivered out of order: %v", i, got)
		}
		met := make(map[uint64]bool, len(got))
		for _, n := range got {
			if met[n] || n == 0 || n > uint64(e.emitted) {
				return fmt.Errorf("end %d: event %d delivered twice, or never emitted", i, n)
			}
			met[n] = true
		}
		if c.DeadAfter == 0 && c.Loss+c.Corrupt <= sure && (e.given != nil || len(got) != c.Events || !e.send.Idle()) {
			return fmt.Errorf("end %d: %d of %d delivered, idle %v, gave up: %v", i, len(got), c.Events, e.send.Idle(), e.given)
		}
		if held := e.peer.receive.Held(); len(got) == c.Events && held != 0 {
			return fmt.Errorf("end %d: %d bytes held in the end, want none", i, held)
		}
		if err := e.account(met); err != nil {
			return fmt.Errorf("end %d: %w", i, err)
		}
	}
	return nil
}

// account checks that no event is without a fate.
func (e *end) account(met map[uint64]bool) error {
	sent, unsent := e.send.Unacknowledged()
	if len(sent)+len(unsent) > 0 && !errors.Is(e.given, ack.ErrGivenUp) {
		return fmt.Errorf("%d unacknowledged and not given up: %v", len(sent)+len(unsent), e.given)
	}
	told := make(map[uint64]bool)
	for _, b := range slices.Concat(sent, unsent) {
		for f, err := range framing.Unpack(b) {
			if err != nil {
				return err
			}
			told[f.Sequence] = true
		}
	}
	for n := range uint64(e.emitted) {
		if !met[n+1] && !told[n+1] {
			return fmt.Errorf("event %d neither delivered nor told as unacknowledged", n+1)
		}
	}
	return nil
}

// drawn returns a trial that depends on nothing but the seed.
func drawn(seed uint64) trial {
	r := rand.New(rand.NewPCG(seed, 0))
	c := trial{
		Seed: seed, Events: r.IntN(150), Size: r.IntN(1400),
		Loss: r.IntN(30), Duplicate: r.IntN(20), Reorder: r.IntN(40), Corrupt: r.IntN(10),
		Delay: time.Duration(r.IntN(100)) * ms, Unordered: r.IntN(2) == 0,
		BufferBytes: 1 + r.IntN(64<<10), HeldBytes: 2 << 10 << r.IntN(8),
	}
	if r.IntN(3) == 0 {
		c.PackBytes = segment
	}
	if r.IntN(5) == 0 {
		c.Slow = time.Duration(r.IntN(20)) * ms
	}
	c.Congestion = ack.Congestions()[r.IntN(3)]
	if r.IntN(5) == 0 {
		c.DeadAfter = 1 + r.IntN(200)
	}
	return c
}

func TestEveryEventOnce(t *testing.T) {
	seeds := uint64(3000)
	if testing.Short() {
		seeds = 200
	}
	for seed := range seeds {
		if c := drawn(seed); judge(c, sureOfSeeds) != nil {
			t.Fatalf("%+v: %v", c, judge(c, sureOfSeeds))
		}
	}
}

// The same, shrunk by rapid when it fails.
func TestLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		c := trial{
			Seed: rapid.Uint64().Draw(t, "seed"), Events: rapid.IntRange(0, 60).Draw(t, "events"), Size: percent("size", 1400),
			Loss: percent("loss", 30), Duplicate: percent("duplicate", 20), Reorder: percent("reorder", 40), Corrupt: percent("corrupt", 10),
			Delay: time.Duration(percent("delay ms", 100)) * ms, Unordered: rapid.Bool().Draw(t, "unordered"),
			BufferBytes: rapid.IntRange(1, 64<<10).Draw(t, "buffer"), HeldBytes: rapid.IntRange(2<<10, 1<<18).Draw(t, "held"),
			PackBytes: rapid.SampledFrom([]int{0, segment}).Draw(t, "pack"), Slow: time.Duration(percent("slow ms", 50)) * ms,
			Congestion: rapid.SampledFrom(ack.Congestions()).Draw(t, "congestion"),
			DeadAfter:  rapid.SampledFrom([]int{0, 0, 0, 1, 10, 50}).Draw(t, "dead after"),
		}
		if err := judge(c, sureOfDrawn); err != nil {
			t.Fatal(err)
		}
	})
}

// A wire that does nothing wrong carries each datagram once.
func TestGoodWire(t *testing.T) {
	c := trial{Events: 5000, Size: 64, Delay: 20 * ms, BufferBytes: 1 << 16, HeldBytes: 1 << 16}
	ends, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range ends {
		if got, want := e.send.Stats(), (ack.SenderStats{Sent: 5000}); got != want || len(e.delivered) != 5000 {
			t.Errorf("end %d: %+v, %d delivered, want %+v", i, got, len(e.delivered), want)
		}
	}
}
