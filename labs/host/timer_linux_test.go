package host_test

import (
	"testing"
	"time"

	"rawlab/labs/host"
)

func TestBareTimer(t *testing.T) {
	b, err := host.StartBareTimer()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	late, err := b.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if len(late) == 0 || len(late) > 60 {
		t.Errorf("%d wake-ups in 300 ms, want up to one each 5 ms", len(late))
	}
	for _, l := range late {
		if l < 0 {
			t.Errorf("woke %v too early", -l)
		}
	}
}
