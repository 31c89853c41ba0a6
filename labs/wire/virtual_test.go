package wire_test

import (
	"slices"
	"testing"
	"time"

	"rawlab/internal/clock"
	"rawlab/labs/wire"
)

// TestVirtualCarriesEachFrameAtItsTime sends the same frames one way and
// holds what comes out against the ledger.
func TestVirtualCarriesEachFrameAtItsTime(t *testing.T) {
	const delay = 5 * time.Millisecond
	now := clock.NewVirtual(time.Unix(1_000_000_000, 0))
	type arrival struct {
		at   time.Duration
		hash uint64
	}
	var arrived []arrival
	w := wire.NewVirtual(&wire.VirtualConfig{
		Seed:        1,
		VirtualTime: wire.VirtualTime{Now: now.Now, After: func(d time.Duration, f func()) { now.Call(d, f) }},
		Deliver: [2]func([]byte){
			func(frame []byte) { arrived = append(arrived, arrival{now.Elapsed(), wire.Hash(frame)}) },
			func([]byte) { t.Error("a frame came out at the wrong end") },
		},
	})
	i := wire.Impairment{Loss: 0.2, Duplicate: 0.1, Delay: delay, Jitter: time.Millisecond}
	if err := w.Set(1, [2]wire.Impairment{i, i}); err != nil {
		t.Fatal(err)
	}
	const frames = 500
	for n := range frames {
		w.Send(0, slices.Concat(make([]byte, 40), []byte{byte(n), byte(n >> 8)}))
	}
	if held := w.Stats()[0].Held; held == 0 {
		t.Error("nothing is held although nothing has left")
	}
	for stepped := true; stepped; stepped = now.Step() {
	}
	if s := w.Stats(); s[0].Held != 0 || s[0].Packets != frames || s[1].Packets != 0 {
		t.Errorf("Stats() = %+v, want %d packets one way and none held", s, frames)
	}
	var want []arrival
	lost := 0
	for _, r := range w.Stop()[0] {
		out := time.Unix(0, r.Out).Sub(time.Unix(1_000_000_000, 0))
		if r.Fate == wire.Lost {
			lost++
			continue
		}
		if r.Copies == 1 && (r.Out != r.Due || out < delay-time.Millisecond || out > delay+time.Millisecond) {
			t.Errorf("a packet left after %v, due %v", out, time.Duration(r.Due-r.Time))
		}
		for range r.Copies {
			want = append(want, arrival{out, r.Hash})
		}
	}
	if len(arrived) != len(want) || lost == 0 || len(want) <= frames-lost {
		t.Errorf("%d arrived, %d left, %d lost of %d", len(arrived), len(want), lost, frames)
	}
	if !slices.IsSortedFunc(arrived, func(a, b arrival) int { return int(a.at - b.at) }) {
		t.Error("frames arrived out of time")
	}
	w.Send(0, make([]byte, 60))
	if now.Step() {
		t.Error("a stopped wire carried a frame")
	}
}

func TestVirtualRefusesNonsense(t *testing.T) {
	w := wire.NewVirtual(&wire.VirtualConfig{VirtualTime: wire.VirtualTime{Now: time.Now}})
	if err := w.Set(1, [2]wire.Impairment{{}, {Loss: 2}}); err == nil {
		t.Error("Set() took a loss of 200%")
	}
}
