package queue_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// listener is a subscriber of the model, and what became of each event for it.
type listener struct {
	session   *queue.Session
	forwarded []uint64
	dropped   []uint64
	meter     *queue.Meter
	from      uint64 // first event that it was there for
	room      []int  // bytes that its transport takes at once, in turn; nil if it takes all, later
	working   bool   // a taker was asked for
	stream    []byte // what its transport took
}

func newListener(t *rapid.T, q *queue.Queue, from uint64) *listener {
	l := &listener{from: from}
	l.meter = q.NewMeter(nil, func(e queue.TraceEvent) {
		switch e.Stage {
		case queue.Forwarded:
			l.forwarded = append(l.forwarded, e.Sequence)
		case queue.Dropped:
			l.dropped = append(l.dropped, e.Sequence)
		}
	})
	c := queue.SessionConfig{
		Origin: 2, Meter: l.meter,
		Checksum:    rapid.Bool().Draw(t, "checksum"),
		OutboxBytes: rapid.IntRange(1, 5*frameBytes).Draw(t, "outbox"),
		Overflow:    rapid.SampledFrom([]queue.Overflow{queue.DropOldest, queue.Disconnect}).Draw(t, "overflow"),
	}
	if rapid.Bool().Draw(t, "direct") {
		l.room = rapid.SliceOfN(rapid.IntRange(0, 4*frameBytes), 1, 5).Draw(t, "room")
		c.Work = func() { l.working = true }
		c.TryWrite = l.tryWrite
	}
	l.session = q.Attach(&c)
	if err := l.session.Subscribe([]byte("news"), 1, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *listener) tryWrite(b []byte) (int, error) {
	n := min(l.room[0], len(b))
	l.room = append(l.room[1:], l.room[0])
	l.stream = append(l.stream, b[:n]...)
	return n, nil
}

func (l *listener) read() {
	if l.room != nil && !l.working {
		return
	}
	l.working = false
	var c queue.Chunk
	for l.session.Take(&c) {
		for _, part := range c.Unsent() {
			l.stream = append(l.stream, part...)
		}
		l.session.Sent(&c)
	}
}

// Whatever subscribers, policies and bounds: for every subscriber each event
// published while it was there is forwarded or dropped, exactly once, and
// what is forwarded is in order.
func TestEveryEventHasOneFate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom([]queue.Policy{queue.PolicyIgnore, queue.PolicyStore}).Draw(t, "policy")
		q, err := queue.New(&queue.Config{
			Topics:    map[string]queue.Policy{"news": policy},
			Retention: queue.Retention{Count: rapid.IntRange(1, 20).Draw(t, "retention")},
		})
		if err != nil {
			t.Fatal(err)
		}
		emitter := q.Attach(&queue.SessionConfig{Origin: 1})
		defer emitter.Close()
		beginLedger(t, emitter)
		var all []*listener
		next := uint64(1)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				all = append(all, newListener(t, q, next))
			case 1:
				burst := rapid.IntRange(1, 5).Draw(t, "burst")
				publishBurst(t, emitter, next, burst, rapid.Bool().Draw(t, "run"))
				next += uint64(burst)
			default:
				if len(all) > 0 {
					all[rapid.IntRange(0, len(all)-1).Draw(t, "reader")].read()
				}
			}
		}
		for i, l := range all {
			l.session.Close()
			l.check(t, fmt.Sprint("listener ", i), next)
		}
		checkLedger(t, emitter, all, next, policy)
	})
}

// publishBurst publishes events, one by one or in a run.
func publishBurst(t *rapid.T, emitter *queue.Session, next uint64, n int, inRun bool) {
	defer emitter.Commit()
	run := framing.Run{Count: n, Origin: 1, Sequence: next, Topic: []byte("news")}
	for ; n > 0; n-- {
		f := framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: next, Topic: []byte("news"), Payload: []byte("1")}
		next++
		if !inRun {
			if err := emitter.Publish(&f); err != nil {
				t.Fatal(err)
			}
			continue
		}
		f.Kind = framing.KindEvent
		frames, err := f.Append(run.Frames)
		if err != nil {
			t.Fatal(err)
		}
		run.Frames = frames
	}
	if inRun {
		emitter.PublishRun(&run, true)
	}
}

func (l *listener) check(t *rapid.T, name string, next uint64) {
	if !slices.IsSorted(l.forwarded) {
		t.Fatalf("%s: forwarded %v, not in order", name, l.forwarded)
	}
	got := slices.Concat(l.forwarded, l.dropped)
	slices.Sort(got)
	if want := span(l.from, next); !slices.Equal(got, want) {
		t.Fatalf("%s: forwarded %v and dropped %v are not %v, each once", name, l.forwarded, l.dropped, want)
	}
	if whole := l.streamed(t); !slices.Equal(whole, l.forwarded) {
		t.Fatalf("%s: %v went out, forwarded %v", name, whole, l.forwarded)
	}
}

// streamed returns the events that went out whole, in order.
func (l *listener) streamed(t *rapid.T) (events []uint64) {
	for b := l.stream; ; {
		f, n, err := framing.Parse(b, 0)
		if err == framing.ErrIncomplete {
			return events
		}
		if err != nil {
			t.Fatalf("what went out is no stream of frames: %v", err)
		}
		if f.Kind == framing.KindEvent {
			events = append(events, f.Sequence)
		}
		b = b[n:]
	}
}

// However a named client comes, reads, acknowledges and goes: every stored
// event is delivered to it at least once, each visit continues where the
// acknowledgements ended, and receipts say what follows.
func TestACursorNeverSkips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, err := queue.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		emitter := q.Attach(&queue.SessionConfig{Origin: 1})
		defer emitter.Close()
		v := &visitor{q: q, want: 1}
		v.come(t)
		next := uint64(1)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				v.leave()
			case 1:
				v.come(t)
			case 2:
				v.read(t)
			case 3:
				v.ack(t)
			default:
				f := framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: next, Topic: []byte("news"), Payload: []byte("1")}
				if err := emitter.Publish(&f); err != nil {
					t.Fatal(err)
				}
				emitter.Commit()
				next++
			}
		}
		v.come(t)
		v.read(t)
		if v.want != next {
			t.Fatalf("delivered up to %d, want up to %d", v.want-1, next-1)
		}
		v.leave()
	})
}

// visitor is a named client that comes and goes.
type visitor struct {
	q           *queue.Queue
	session     *queue.Session
	want, acked uint64 // next event expected; events acknowledged
}

func (v *visitor) come(t *rapid.T) {
	if v.session != nil {
		return
	}
	v.session = v.q.Attach(&queue.SessionConfig{
		Name: "ada", OutboxBytes: rapid.IntRange(1, 3*frameBytes).Draw(t, "outbox"), Window: rapid.IntRange(0, 3).Draw(t, "window"),
	})
	if err := v.session.Subscribe([]byte("news"), 1, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	v.want = v.acked + 1
}

func (v *visitor) leave() {
	if v.session != nil {
		v.session.Close()
		v.session = nil
	}
}

func (v *visitor) read(t *rapid.T) {
	var c queue.Chunk
	for v.session != nil {
		for v.session.Take(&c) {
			v.expect(t, c.Kept)
		}
		if !v.session.Stalled() {
			return
		}
		v.session.Unstall()
	}
}

func (v *visitor) expect(t *rapid.T, frames []byte) {
	for len(frames) > 0 {
		f, n, err := framing.Parse(frames, len(frames))
		if err != nil {
			t.Fatal(err)
		}
		if f.Offset != v.want || f.Sequence != v.want {
			t.Fatalf("offset %d with event %d, want %d", f.Offset, f.Sequence, v.want)
		}
		v.want++
		frames = frames[n:]
	}
}

func (v *visitor) ack(t *rapid.T) {
	if v.session == nil || v.want == v.acked+1 {
		return
	}
	offset := uint64(rapid.IntRange(int(v.acked+1), int(v.want-1)).Draw(t, "ack"))
	if err := v.session.Ack([]byte("news"), offset); err != nil {
		t.Fatal(err)
	}
	v.acked = offset
}
