package sweep_test

import (
	"math"
	"testing"

	"rawlab/labs/sweep"
)

// TestSummarize holds intervals against R: t.test(x)$conf.int and qt(0.975, n-1).
func TestSummarize(t *testing.T) {
	for name, test := range map[string]struct {
		values             []float64
		mean, median, half float64
	}{
		"five": {[]float64{9, 10, 12, 11, 8}, 10, 10, 1.963243}, // qt(0.975, 4) · 1.581139/√5
		"two":  {[]float64{1, 2}, 1.5, 1.5, 6.353102},           // qt(0.975, 1) · 0.7071068/√2
		"same": {[]float64{3, 3, 3, 3}, 3, 3, 0},
	} {
		s := sweep.Summarize(test.values)
		if s.Mean != test.mean || s.Median != test.median || s.Half == nil || math.Abs(*s.Half-test.half) > 1e-5 || s.N != len(test.values) {
			t.Errorf("%s: %+v, want mean %v, median %v, half %v", name, s, test.mean, test.median, test.half)
		}
	}
	if s := sweep.Summarize([]float64{7}); s.Half != nil || s.Mean != 7 || s.Median != 7 || s.Min != 7 || s.Max != 7 {
		t.Errorf("one: %+v, want no interval", s)
	}
}

// TestStudent holds the quantiles against the tables of NIST's e-Handbook.
func TestStudent(t *testing.T) {
	for freedom, want := range map[int]float64{
		1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 10: 2.228, 11: 2.201, 12: 2.179, 15: 2.131, 20: 2.086, 30: 2.042, 50: 2.009, 100: 1.984,
	} {
		if got := sweep.Student975(freedom); math.Abs(got-want) > 5.1e-4 {
			t.Errorf("Student975(%d) = %.6f, want %.3f", freedom, got, want)
		}
	}
	for freedom := 1; freedom < 200; freedom++ {
		if sweep.Student975(freedom+1) >= sweep.Student975(freedom) {
			t.Errorf("the quantile grows from %d to %d degrees of freedom", freedom, freedom+1)
		}
	}
}
