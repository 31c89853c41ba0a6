package queue_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// reluctant is a transport that takes at once as much as it feels like, and
// everything from a taker.
type reluctant struct {
	session *queue.Session
	takers  sync.WaitGroup
	busy    atomic.Bool // somebody writes
	random  *rand.Rand  // of who writes
	stream  []byte      // likewise
	seen    map[uint64]uint64
	left    int           // to come in this round
	done    chan struct{} // closed when none is left
	fail    func(format string, args ...any)
}

func (r *reluctant) tryWrite(b []byte) (int, error) {
	n := min(len(b), r.random.IntN(4*len(b)))
	r.write(b[:n])
	runtime.Gosched() // so that others find somebody writing
	return n, nil
}

// work is asked for a taker.
func (r *reluctant) work() {
	r.takers.Go(func() {
		var c queue.Chunk
		for r.session.Take(&c) {
			for _, part := range c.Unsent() {
				r.write(part)
			}
			r.session.Sent(&c)
		}
	})
}

// write takes bytes off whoever writes, and notes the events among them.
func (r *reluctant) write(b []byte) {
	if r.busy.Swap(true) {
		r.fail("two write at once")
	}
	defer r.busy.Store(false)
	r.stream = append(r.stream, b...)
	for {
		f, n, err := framing.Parse(r.stream, 0)
		if err == framing.ErrIncomplete {
			return
		}
		if err != nil {
			r.fail("the stream makes no sense: %v", err)
			return
		}
		r.stream = r.stream[n:]
		if f.Kind != framing.KindEvent {
			continue
		}
		if r.seen[f.Origin]++; r.seen[f.Origin] != f.Sequence {
			r.fail("event %d:%d, want number %d", f.Origin, f.Sequence, r.seen[f.Origin])
		}
		if r.left--; r.left == 0 {
			close(r.done)
		}
	}
}

// TestDirectWritesLeaveNothingBehind lets several publish a little at once,
// over and over: whoever writes, everything comes out, each origin's in order,
// and without anybody asking for it.
func TestDirectWritesLeaveNothingBehind(t *testing.T) {
	const rounds, publishers, each = 2000, 4, 6
	q, err := queue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reluctant{random: rand.New(rand.NewPCG(1, 2)), seen: make(map[uint64]uint64), fail: t.Errorf}
	r.session = q.Attach(&queue.SessionConfig{
		Origin: 100, Overflow: queue.Block, OutboxBytes: 512, Work: r.work, TryWrite: r.tryWrite,
	})
	if err := r.session.Subscribe([]byte("news"), 1, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	var sources [publishers]*source
	for i := range sources {
		sources[i] = newSource(q, uint64(i+1))
		defer sources[i].session.Close()
	}
	for round := range rounds {
		r.left, r.done = publishers*each, make(chan struct{})
		var wg sync.WaitGroup
		for _, e := range sources {
			wg.Go(func() { e.publish(t, each) })
		}
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			r.session.Close() // lets go of who waits for room
			t.Fatalf("round %d: events were left behind", round)
		}
		wg.Wait()
	}
	r.session.Close()
	r.takers.Wait()
}

// source publishes events of one origin.
type source struct {
	session *queue.Session
	origin  uint64
	next    uint64
	random  *rand.Rand
}

func newSource(q *queue.Queue, origin uint64) *source {
	return &source{q.Attach(&queue.SessionConfig{Origin: origin}), origin, 1, rand.New(rand.NewPCG(origin, 3))}
}

// publish publishes so many events, in bursts of all sizes.
func (e *source) publish(t *testing.T, count int) {
	for count > 0 {
		n := min(1+e.random.IntN(5), count)
		count -= n
		run := framing.Run{Count: n, Origin: e.origin, Sequence: e.next, Topic: []byte("news")}
		for ; n > 0; n-- {
			f := framing.Frame{Kind: framing.KindEvent, Origin: e.origin, Sequence: e.next, Topic: run.Topic, Payload: make([]byte, e.random.IntN(50))}
			e.next++
			frames, err := f.Append(run.Frames)
			if err != nil {
				t.Error(err)
				return
			}
			run.Frames = frames
		}
		e.session.PublishRun(&run, e.random.IntN(2) == 0)
		e.session.Commit()
	}
}
