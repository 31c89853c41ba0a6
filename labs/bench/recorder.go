package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"rawlab/framing"
)

// anchored is a clock that shows the time of day and never jumps: what the
// machine's clock is set to meanwhile does not count as latency.
type anchored struct{ start time.Time }

func (a anchored) now() time.Time { return a.start.Add(time.Since(a.start)) }

// maxLatency is what the histogram can hold; longer ones count as this long.
const maxLatency = 2 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(maxLatency), 3)
}

// record notes a latency; clocks of one process do not go backwards, so 0 is
// the least.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	h.RecordValue(min(max(int64(d), 0), int64(maxLatency))) // always within bounds
}

// recorder is what one subscriber saw of one emitter. Its sequences are
// dense: one origin, one topic.
type recorder struct {
	clock anchored

	mu      sync.Mutex
	first   uint64   // sequences before it belong to the warm-up
	seen    []uint64 // bit per sequence from first on
	tally   tally
	latency *hdrhistogram.Histogram
	slowest time.Duration // exactly
	last    time.Time     // of the last first delivery
	target  uint64        // of tally.delivered
	reached chan struct{} // closed when target is
}

// tally counts deliveries.
type tally struct{ delivered, duplicates uint64 }

func newRecorder(clock anchored) *recorder {
	return &recorder{clock: clock, first: 1, latency: newHistogram()}
}

// deliver notes one event that arrived.
func (r *recorder) deliver(f *framing.Frame) {
	now := r.clock.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Sequence < r.first {
		return
	}
	if !r.mark(f.Sequence - r.first) {
		r.tally.duplicates++
		return
	}
	r.tally.delivered++
	r.last = now
	took := time.Duration(now.UnixNano() - int64(f.Time))
	record(r.latency, took)
	r.slowest = max(r.slowest, took)
	if r.reached != nil && r.tally.delivered >= r.target {
		close(r.reached)
		r.reached = nil
	}
}

// mark sets a bit and reports whether it was clear.
func (r *recorder) mark(i uint64) bool {
	word := i / 64
	for word >= uint64(len(r.seen)) {
		r.seen = append(r.seen, 0)
	}
	bit := uint64(1) << (i % 64)
	was := r.seen[word]&bit != 0
	r.seen[word] |= bit
	return !was
}

// await returns a channel that is closed once so many events are delivered.
func (r *recorder) await(delivered uint64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan struct{})
	if r.tally.delivered >= delivered {
		close(done)
		return done
	}
	r.target, r.reached = delivered, done
	return done
}

// state returns the tally and when the last event came.
func (r *recorder) state() (tally, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally, r.last
}

// restart forgets everything before sequence first.
func (r *recorder) restart(first uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first, r.seen, r.tally, r.slowest = first, nil, tally{}, 0
	r.latency.Reset()
}

// mergeInto adds the latencies to all and returns the slowest.
func (r *recorder) mergeInto(all *hdrhistogram.Histogram) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	all.Merge(r.latency)
	return r.slowest
}
