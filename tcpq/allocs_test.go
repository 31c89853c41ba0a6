package tcpq_test

import (
	"runtime"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// TestEventsCostNoAllocation counts all allocations of an emitter, a server
// and a subscriber while events flow. A few for each chunk are allowed: a
// goroutine that takes over a write, a buffer that the collector took from a pool.
func TestEventsCostNoAllocation(t *testing.T) {
	const warm, events, allowed = 50_000, 200_000, 2_000
	s := serve(t, &tcpq.Config{Policy: queue.Block})
	n, here := 0, make(chan struct{}, 1)
	target := warm
	subscriber := dial(t, s, &tcpq.ClientConfig{OnEvent: func(*framing.Frame) {
		if n++; n == target {
			target += events
			here <- struct{}{}
		}
	}})
	subscribe(t, subscriber, "news")
	emitter := dial(t, s, nil)
	payload, now := make([]byte, 128), time.Now()
	send := func(count int) {
		for range count {
			if _, err := emitter.EmitAt(now, "news", payload); err != nil {
				t.Fatal(err)
			}
		}
		<-here
	}
	send(warm)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	send(events)
	runtime.ReadMemStats(&after)
	allocated := after.Mallocs - before.Mallocs
	t.Logf("%d allocations for %d events", allocated, events)
	if allocated > allowed {
		t.Errorf("%d allocations for %d events, want at most %d", allocated, events, allowed)
	}
}
