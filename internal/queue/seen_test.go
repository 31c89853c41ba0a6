package queue_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
)

// However runs of numbers overlap: each is new once, and again after it was
// refused, as a set would have it.
func TestEachNumberIsNewOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := queue.NewNumbers(1)
		seen := make(map[uint64]bool)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			first := rapid.Uint64Range(1, 60).Draw(t, "first")
			if seen[first] && rapid.Bool().Draw(t, "refuse") {
				n.Refuse(first)
				delete(seen, first)
				continue
			}
			var want []uint64
			count := rapid.IntRange(1, 8).Draw(t, "count")
			for number := first; number < first+uint64(count); number++ {
				if !seen[number] {
					want = append(want, number)
				}
				seen[number] = true
			}
			got := n.Emit(first, count)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("new of %d from %d on: %v, want %v", count, first, got, want)
			}
		}
	})
}

// emitNumbers publishes numbers of stream 0, in a run or one by one.
func emitNumbers(t *testing.T, s *queue.Session, topic string, inRun bool, from, to uint64) {
	t.Helper()
	run := framing.Run{Count: int(to - from), Origin: s.Origin(), Sequence: from, Topic: []byte(topic), WantAck: true}
	for n := from; n < to; n++ {
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: s.Origin(), Sequence: n, Topic: []byte(topic), Payload: fmt.Append(nil, n)}
		if !inRun {
			if err := s.Publish(&f); err != nil {
				t.Fatal(err)
			}
			continue
		}
		f.Kind, f.Flags = framing.KindEvent, 0
		run.Frames, _ = f.Append(run.Frames)
	}
	if inRun {
		s.PublishRun(&run, true)
	}
	s.Commit()
}

// A client that comes back with its origin, emits once more what was not
// acknowledged, and nothing is delivered twice: also when the old session is
// still there, and when the server has started anew with its store.
func TestEmittedAgainIsDeliveredOnce(t *testing.T) {
	for _, policy := range []queue.Policy{queue.PolicyIgnore, queue.PolicyStore} {
		for _, inRun := range []bool{false, true} {
			t.Run(fmt.Sprint(policy, " in a run ", inRun), func(t *testing.T) {
				store := memory.New(0)
				config := &queue.Config{Store: store, Topics: map[string]queue.Policy{"news": policy}}
				q := newQueue(t, config)
				listener, _ := subscribe(t, q, nil, "news")
				meter := queue.NewMeter(nil, nil)
				emitter := &queue.SessionConfig{Origin: 1, Deduplicate: true, Meter: meter}
				first := q.Attach(emitter)
				emitNumbers(t, first, "news", inRun, 1, 6)
				second := q.Attach(emitter)
				emitNumbers(t, second, "news", inRun, 3, 9)
				first.Close()
				second.Close()
				third := q.Attach(emitter)
				emitNumbers(t, third, "news", inRun, 7, 11)
				if acks := take(t, third)[framing.KindAck]; len(acks) != 1 || acks[0].Sequence != 10 {
					t.Errorf("acks = %v, want one for 10", sequences(acks))
				}
				third.Close()
				if got := sequences(take(t, listener)[framing.KindEvent]); !cmp.Equal(got, span(1, 11)) {
					t.Errorf("events = %v, want 1 to 10 once", got)
				}
				if got := meter.Duplicates(); got != 5 || meter.Received() != 10 {
					t.Errorf("%d duplicates, %d received, want 5 and 10", got, meter.Received())
				}
				listener.Close()
				if policy == queue.PolicyIgnore {
					return
				}
				q = newQueue(t, config)
				listener, _ = subscribe(t, q, nil, "news")
				fourth := q.Attach(emitter)
				defer fourth.Close()
				emitNumbers(t, fourth, "news", inRun, 9, 13)
				if got := sequences(take(t, listener)[framing.KindEvent]); !cmp.Equal(got, span(11, 13)) {
					t.Errorf("after a restart: %v, want 11 and 12", got)
				}
			})
		}
	}
}

// What the store refused may be emitted again: its sender may not have heard.
func TestRefusedMayComeAgain(t *testing.T) {
	store, q := newLate(t)
	emitter := &queue.SessionConfig{Origin: 1, Deduplicate: true}
	s := q.Attach(emitter)
	defer s.Close()
	emitNumbers(t, s, "news", true, 1, 4)
	store.answer(memory.ErrFull)
	emitNumbers(t, s, "news", true, 1, 5)
	store.answer(nil)
	listener := q.Attach(nil)
	defer listener.Close()
	if err := listener.Subscribe([]byte("news"), 1, framing.Subscribe{Epoch: q.Epoch(), Offset: 1}); err != nil {
		t.Fatal(err)
	}
	if got := sequences(take(t, listener)[framing.KindEvent]); !cmp.Equal(got, span(1, 5)) {
		t.Errorf("events = %v, want 1 to 4", got)
	}
}

func TestOriginsAreForgotten(t *testing.T) {
	q := newQueue(t, nil)
	q.LimitOrigins(100)
	for origin := uint64(1); origin < 1000; origin++ {
		s := q.Attach(&queue.SessionConfig{Origin: origin, Deduplicate: true})
		emitNumbers(t, s, "news", true, 1, 2)
		s.Close()
		q.Attach(&queue.SessionConfig{Origin: 1000 + origin, Deduplicate: true}).Close() // a listener numbers nothing
	}
	if got := q.KnownOrigins(); got != 100 {
		t.Errorf("%d origins are remembered, want 100", got)
	}
	meter := queue.NewMeter(nil, nil)
	for origin, duplicates := range map[uint64]uint64{1: 0, 999: 1} {
		s := q.Attach(&queue.SessionConfig{Origin: origin, Deduplicate: true, Meter: meter})
		before := meter.Duplicates()
		emitNumbers(t, s, "news", true, 1, 2)
		s.Close()
		if got := meter.Duplicates() - before; got != duplicates {
			t.Errorf("origin %d emits again: %d duplicates, want %d", origin, got, duplicates)
		}
	}
}
