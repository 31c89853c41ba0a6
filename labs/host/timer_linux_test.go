package host_test

import (
	"testing"
	"time"

	"rawlab/labs/host"
)

// TestBareTimer: however slow the machine is, there is something to tell, and
// no more than there was time for.
func TestBareTimer(t *testing.T) {
	for _, wait := range []time.Duration{0, 100 * time.Millisecond} {
		began := time.Now()
		b, err := host.StartBareTimer()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		late, err := b.Stop()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); len(late) == 0 || time.Duration(len(late)) > took/(5*time.Millisecond) {
			t.Errorf("%d wake-ups in %v, want one at least and one each 5 ms at most", len(late), took)
		}
		for _, l := range late {
			if l < 0 {
				t.Errorf("woke %v too early", -l)
			}
		}
	}
}
