package labs_test

import (
	"testing"
	"time"

	"rawlab/labs"
)

// TestHundredRunsLoseTheSame runs every lab whose loss is claimed to repeat
// again and again, and compares what was lost.
func TestHundredRunsLoseTheSame(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 12
	}
	want := map[string]string{}
	for i := range runs {
		l := labs.Catalog[i%len(labs.Catalog)]
		if i%4 != 0 {
			l = labs.Loss // the one with a wire that loses
		}
		o := options(l, min(l.Defaults.Events, 120))
		o.Pace = 20_000
		if l == labs.Loss {
			o.Impairment.Loss, o.Impairment.Corrupt, o.Impairment.Jitter = 0.1, 0.02, time.Millisecond
		}
		out := run(t, l, o)
		for _, u := range out.Result.Runs {
			key := l.Name + " " + u.Transport + " " + u.Variant
			if before, ok := want[key]; ok && before != u.LostDigest {
				t.Errorf("run %d: %s lost %s, before %s (%v)", i, key, u.LostDigest, before, u.Fates)
			}
			want[key] = u.LostDigest
		}
		if !out.Result.Reproducible {
			t.Errorf("run %d: %s is not reproducible: %v", i, l.Name, out.Result.Reasons)
		}
		if t.Failed() {
			return
		}
	}
}
