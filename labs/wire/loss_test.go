package wire_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"rawlab/labs/wire"
)

// within fails unless a count of n independent events of probability p is
// within five standard deviations of what is expected.
func within(t *testing.T, what string, count, n int, p float64) {
	t.Helper()
	mean, sd := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(count)-mean) > 5*sd {
		t.Errorf("%s: %d of %d, want %.0f ± %.0f", what, count, n, mean, 5*sd)
	}
}

const draws = 100_000

func TestSharesAreBinomial(t *testing.T) {
	i, err := wire.ParseImpairment("loss 3% delay 10ms reorder 7% duplicate 1.5% corrupt 0.4%")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		p := wire.NewPlan(i, seed, 0, identify)
		var lost, overtook, doubled, corrupted, both int
		for id := range uint64(draws) {
			d := p.Decide(udpFrame(40000, 9700, id, 0), 0)
			lost += one(d.Lose)
			overtook += one(d.Overtake)
			doubled += one(d.Duplicate)
			corrupted += one(d.Corrupt)
			both += one(d.Lose && d.Overtake)
			if d.Overtake != (d.Delay == 0) {
				t.Fatalf("event %d: overtakes %v with a delay of %v", id, d.Overtake, d.Delay)
			}
		}
		within(t, "lost", lost, draws, 0.03)
		within(t, "overtook", overtook, draws, 0.07)
		within(t, "doubled", doubled, draws, 0.015)
		within(t, "corrupted", corrupted, draws, 0.004)
		within(t, "lost that would have overtaken", both, draws, 0.03*0.07)
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestGilbertIsAsInTheory holds the share lost and the lengths of bursts
// against the chain's stationary distribution.
func TestGilbertIsAsInTheory(t *testing.T) {
	for _, text := range []string{"1% 10%", "5% 50% 80% 1%", "0.1% 2%", "60% 70%", "90% 95% 100% 0%", "30%"} {
		i, err := wire.ParseImpairment("loss gemodel " + text)
		if err != nil {
			t.Fatal(err)
		}
		g := i.Burst
		p := wire.NewPlan(i, 11, 0, identify)
		lost, bursts, run := 0, 0, false
		const n = 4 * draws
		for id := range uint64(n) {
			now := p.Decide(udpFrame(40000, 9700, id, 0), 0).Lose
			lost += one(now)
			bursts += one(now && !run)
			run = now
		}
		share, more := i.LossShare()
		if sd := math.Sqrt(n * share * (1 - share) * more); math.Abs(float64(lost)-n*share) > 5*sd {
			t.Errorf("gemodel %s: lost %d of %d, want %.0f ± %.0f", text, lost, n, n*share, 5*sd)
		}
		if g.BadLoss == 1 && g.GoodLoss == 0 {
			got, want := float64(lost)/float64(bursts), 1/g.R
			sd := math.Sqrt((1-g.R)/(g.R*g.R)) / math.Sqrt(float64(bursts))
			if math.Abs(got-want) > 5*sd+1e-9 {
				t.Errorf("gemodel %s: bursts of %.3f on average, want %.3f ± %.3f", text, got, want, 5*sd)
			}
		}
	}
}

// TestChainsIgnoreOrder holds bursts and gaps against any order of arrival.
func TestChainsIgnoreOrder(t *testing.T) {
	i, err := wire.ParseImpairment("loss gemodel 2% 20% 90% 1% delay 5ms reorder 30% gap 6")
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	order := make([]uint64, n)
	for id := range order {
		order[id] = uint64(id) + 3
	}
	decide := func(order []uint64) map[uint64]wire.Decision {
		p, m := wire.NewPlan(i, 5, 0, identify), map[uint64]wire.Decision{}
		for _, id := range order {
			m[id] = p.Decide(udpFrame(40000, 9700, id, 0), 0)
		}
		return m
	}
	want := decide(order)
	shuffled := slices.Clone(order)
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
	slices.Reverse(order)
	for name, other := range map[string][]uint64{"backward": order, "shuffled": shuffled, "half": order[:n/2]} {
		for id, got := range decide(other) {
			if got != want[id] {
				t.Fatalf("%s: event %d: %+v, forward %+v", name, id, got, want[id])
			}
		}
	}
}

// TestSegmentSentAgainMeetsNoOldBurst: else all segments of a burst would be
// lost again and again, each after a longer wait.
func TestSegmentSentAgainMeetsNoOldBurst(t *testing.T) {
	i, err := wire.ParseImpairment("loss gemodel 1% 10%")
	if err != nil {
		t.Fatal(err)
	}
	p := wire.NewPlan(i, 1, 0, nil)
	lost, again, both, last := 0, 0, 0, false
	const n = 20_000
	for s := range uint32(n) {
		f := tcpFrame(1+s*1448, 0x10, 1448)
		lost += one(p.Decide(f, 0).Lose)
		second := p.Decide(f, 0).Lose
		again += one(second)
		both += one(second && last)
		last = second
	}
	share := i.Burst.Share()
	within(t, "lost when sent again", again, n, share)
	within(t, "neighbours lost when both are sent again", both, n, share*share)
	if math.Abs(float64(lost)-n*share) > 5*math.Sqrt(n*share*20) {
		t.Errorf("lost %d of %d at first, want about %.0f", lost, n, n*share)
	}
}

// TestGapIsNetems holds the share that overtakes against netem's counting:
// after gap-1 delayed packets, each with the share until one does.
func TestGapIsNetems(t *testing.T) {
	for text, c := range map[string]struct {
		gap   int
		share float64
	}{"reorder 25% gap 5": {5, 0.25}, "reorder 100% gap 7": {7, 1}, "reorder 50% gap 2": {2, 0.5}} {
		i, err := wire.ParseImpairment("delay 1ms " + text)
		if err != nil {
			t.Fatal(err)
		}
		p := wire.NewPlan(i, 1, 0, identify)
		count, last := 0, -1
		for id := range draws {
			if !p.Decide(udpFrame(40000, 9700, uint64(id), 0), 0).Overtake {
				continue
			}
			if count > 0 && id-last < c.gap {
				t.Fatalf("%s: events %d and %d overtake", text, last, id)
			}
			if c.share == 1 && count > 0 && id-last != c.gap {
				t.Fatalf("%s: events %d and %d overtake, and none between them", text, last, id)
			}
			count, last = count+1, id
		}
		mean := float64(c.gap-1) + 1/c.share
		sd := math.Sqrt((1-c.share)/(c.share*c.share)) * math.Sqrt(draws/mean) / mean
		if math.Abs(float64(count)-draws/mean) > 5*sd+draws/4096+1 {
			t.Errorf("%s: %d of %d overtake, want %.0f ± %.0f", text, count, draws, draws/mean, 5*sd)
		}
	}
}
