package disk_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"rawlab/internal/queue/disk"
)

// TestRefusedStepStaysRefused: a step that a full disk refused is not there
// again after the power has failed during the next one, in the same life or
// after a restart. What it named may have been removed.
func TestRefusedStepStaysRefused(t *testing.T) {
	refused, kept := 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := newFaulty()
		s, err := disk.MakeState(d, []byte("first"))
		if err != nil {
			t.Fatal(err)
		}
		d.room = int64(50 + r.IntN(4000)) // for the step, but not for its padding
		if err := s.Add([]byte("refused")); err == nil {
			t.Fatal("a step was written for which there was no room")
		}
		refused++
		if r.IntN(2) == 0 {
			d = d.restart(r)
			if s, _, err = disk.ReadState(d); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		d.room, d.left = 1<<40, r.IntN(4)
		done := s.Add([]byte("second")) == nil
		_, steps, err := disk.ReadState(d.restart(r))
		switch {
		case err != nil:
			t.Fatalf("seed %d: %v", seed, err)
		case slices.Contains(steps, "refused"):
			t.Fatalf("seed %d: the steps are %q", seed, steps)
		case slices.Contains(steps, "second"):
			kept++
		case done:
			t.Fatalf("seed %d: the steps are %q, and the second was made safe", seed, steps)
		}
	}
	if kept == 0 || kept == refused {
		t.Errorf("%d of %d second steps are there: the power never fails, or always", kept, refused)
	}
}
