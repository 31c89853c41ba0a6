package dissect_test

import (
	"testing"
	"time"

	"rawlab/capture/dissect"
)

// TestWaited: what came whole waits for what precedes it in the stream, from
// its own last byte on; a copy that brings nothing new changes nothing.
func TestWaited(t *testing.T) {
	b := events(t, 3)
	c := (&conversation{t: t, isn: 9}).syn().
		data(49, b[49:60]). // at 1 ms, the second event's first bytes
		data(60, b[60:98]). // at 2 ms, the rest of it
		data(60, b[60:98]). // at 3 ms, once more
		data(98, b[98:]).   // at 4 ms, the third
		data(0, b[:49])     // at 5 ms, the first
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, p := range c.packets {
		a.Add(i+1, start.Add(time.Duration(i)*time.Millisecond), p)
	}
	want := map[uint64]time.Duration{1: 0, 2: 3 * time.Millisecond, 3: time.Millisecond}
	frames := a.Finish()
	if len(frames) != len(want) {
		t.Fatalf("%d frames, want %d", len(frames), len(want))
	}
	for _, f := range frames {
		if f.Waited != want[f.Sequence] {
			t.Errorf("event %d waited %v, want %v", f.Sequence, f.Waited, want[f.Sequence])
		}
	}
}
