package wire_test

import (
	"math"
	"testing"
	"time"

	"rawlab/labs/wire"
)

// TestDistributions holds mean and spread against theory, with the cut at
// four standard deviations that netem's tables have.
func TestDistributions(t *testing.T) {
	// Pareto of shape 3, cut at x: E = 3/2 - 1/(2x²), E² = 3 - 2/x; shifted and scaled.
	sd := math.Sqrt(0.75)
	x := 1.5 + 4*sd
	paretoMean := (1.5 - 1/(2*x*x) - 1.5) / sd
	paretoSquare := (3 - 2/x) - (1.5-1/(2*x*x))*(1.5-1/(2*x*x))
	for name, c := range map[string]struct {
		mean, spread, tolerance float64 // in units of the jitter
	}{
		"uniform":      {0, 1 / math.Sqrt(3), 0.01},
		"normal":       {0, 1, 0.01},
		"pareto":       {paretoMean, math.Sqrt(paretoSquare) / sd, 0.01},
		"paretonormal": {paretoMean, 0.75, 0.08}, // where the sum of the two is cut has no simple form
	} {
		const delay, jitter = 100 * time.Millisecond, 10 * time.Millisecond
		i, err := wire.ParseImpairment("delay 100ms 10ms distribution " + name)
		if err != nil {
			t.Fatal(err)
		}
		p := wire.NewPlan(i, 2, 0, identify)
		var sum, squares float64
		low, high := time.Hour, time.Duration(0)
		for id := range uint64(draws) {
			d := p.Decide(udpFrame(40000, 9700, id, 0), 0).Delay
			low, high = min(low, d), max(high, d)
			z := float64(d-delay) / float64(jitter)
			sum, squares = sum+z, squares+z*z
		}
		mean := sum / draws
		spread := math.Sqrt(squares/draws - mean*mean)
		if math.Abs(mean-c.mean) > c.tolerance || math.Abs(spread-c.spread) > c.tolerance {
			t.Errorf("%s: mean %.4f, spread %.4f, want %.4f and %.4f ± %.2f", name, mean, spread, c.mean, c.spread, c.tolerance)
		}
		if low < delay-4*jitter || high > delay+4*jitter || name == "uniform" && (low < delay-jitter || high > delay+jitter) {
			t.Errorf("%s: delays from %v to %v", name, low, high)
		}
	}
}

func TestNothingLeavesBeforeItCame(t *testing.T) {
	i, err := wire.ParseImpairment("delay 1ms 5ms distribution normal")
	if err != nil {
		t.Fatal(err)
	}
	p := wire.NewPlan(i, 2, 0, identify)
	for id := range uint64(1000) {
		if d := p.Decide(udpFrame(40000, 9700, id, 0), 0).Delay; d < 0 {
			t.Fatalf("event %d has a delay of %v", id, d)
		}
	}
}
