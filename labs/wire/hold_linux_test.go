package wire_test

import (
	"testing"

	"rawlab/labs/wire"
)

// TestHold fills a ring and empties it: its host is asked once each way.
func TestHold(t *testing.T) {
	asked := make(chan bool, 10) // far more than there should be
	r := wire.NewRing(func(stop bool) { asked <- stop })
	for _, step := range []struct {
		waiting int
		want    string // what is asked, if anything
	}{
		{0, ""}, {wire.FullAt - 1, ""}, {wire.FullAt, "stop"}, {wire.FullAt + 1, ""},
		{wire.EmptyAt, ""}, {wire.EmptyAt - 1, "go on"}, {wire.FullAt - 1, ""}, {wire.FullAt, "stop"},
	} {
		r.Fill(step.waiting)
		r.Watch()
		if step.want != "" {
			if got := <-asked; got != (step.want == "stop") {
				t.Errorf("with %d frames waiting, the host is asked to stop: %v, want %q", step.waiting, got, step.want)
			}
		}
	}
	r.Close()
	if stop := <-asked; stop || len(asked) != 0 {
		t.Errorf("after the end the host is asked to stop: %v, and %d times more; want only to go on", stop, len(asked))
	}
}
