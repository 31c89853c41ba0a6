package queue_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// frameBytes is the size of an event that publish makes with one digit.
var frameBytes = (&framing.Frame{Kind: framing.KindEvent, Topic: []byte("news"), Payload: []byte("1")}).Size()

func TestDropOldest(t *testing.T) {
	var dropped []uint64
	meter := queue.NewMeter(nil, func(e queue.TraceEvent) {
		if e.Stage == queue.Dropped && e.Fate == queue.FateServerQueue {
			dropped = append(dropped, e.Sequence)
		}
	})
	q := newQueue(t, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	slow, _ := subscribe(t, q, &queue.SessionConfig{OutboxBytes: 3 * frameBytes, Meter: meter}, "news")
	quick, _ := subscribe(t, q, nil, "news")
	for n := uint64(1); n < 9; n++ {
		publish(t, emitter, "news", n, n+1)
	}
	if got := sequences(take(t, quick)[framing.KindEvent]); !cmp.Equal(got, span(1, 9)) {
		t.Errorf("the quick subscriber got %v, want 1 to 8", got)
	}
	if got := sequences(take(t, slow)[framing.KindEvent]); !cmp.Equal(got, span(6, 9)) {
		t.Errorf("the slow subscriber got %v, want the newest: 6 to 8", got)
	}
	if !cmp.Equal(dropped, span(1, 6)) {
		t.Errorf("dropped = %v, want 1 to 5", dropped)
	}
}

func TestDisconnect(t *testing.T) {
	meter := queue.NewMeter(nil, nil)
	q := newQueue(t, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	slow, _ := subscribe(t, q, &queue.SessionConfig{OutboxBytes: 3 * frameBytes, Overflow: queue.Disconnect, Meter: meter}, "news")
	for n := uint64(1); n < 6; n++ {
		publish(t, emitter, "news", n, n+1)
	}
	<-slow.Ended()
	if last := slow.Last(); last.Code != framing.CodeFull {
		t.Errorf("Last().Code = %v, want full", last.Code)
	}
	slow.Close()
	want := map[queue.Fate]uint64{queue.FateServerQueue: 4, queue.FateConnectionLost: 1}
	if got := meter.Dropped(); !cmp.Equal(got, want) {
		t.Errorf("Dropped() = %v, want %v", got, want)
	}
}

// publishNext is publish for other goroutines than the test's.
func publishNext(s *queue.Session, n uint64) {
	f := framing.Frame{Kind: framing.KindEmit, Origin: s.Origin(), Sequence: n, Topic: []byte("news"), Payload: []byte("1")}
	if err := s.Publish(&f); err != nil {
		panic(err)
	}
	s.Commit()
}

func TestBlockWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, nil)
		emitter := q.Attach(&queue.SessionConfig{Origin: 1})
		slow, _ := subscribe(t, q, &queue.SessionConfig{OutboxBytes: 2 * frameBytes, Overflow: queue.Block}, "news")
		done := false
		go func() {
			for n := uint64(1); n < 6; n++ {
				publishNext(emitter, n)
			}
			done = true
		}()
		var got []uint64
		for len(got) < 5 {
			synctest.Wait()
			if len(got) < 2 && done {
				t.Error("the emitter did not wait")
			}
			got = append(got, sequences(take(t, slow)[framing.KindEvent])...)
		}
		if !cmp.Equal(got, span(1, 6)) {
			t.Errorf("events = %v, want 1 to 5", got)
		}
		emitter.Close()
	})
}

func TestBlockEndsWithTheSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, nil)
		emitter := q.Attach(&queue.SessionConfig{Origin: 1})
		slow, _ := subscribe(t, q, &queue.SessionConfig{OutboxBytes: 1, Overflow: queue.Block}, "news")
		publish(t, emitter, "news", 1, 2)
		go publishNext(emitter, 2)
		synctest.Wait()
		slow.Close()
		synctest.Wait() // a publisher that still waits fails the bubble as a deadlock
		emitter.Close()
	})
}

func TestStoredTopicLagsAndCatchesUp(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	meter := queue.NewMeter(nil, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	slow, _ := subscribe(t, q, &queue.SessionConfig{OutboxBytes: 2 * frameBytes, Meter: meter}, "news")
	for n := uint64(1); n < 100; n++ {
		publish(t, emitter, "news", n, n+1)
	}
	if got := sequences(take(t, slow)[framing.KindEvent]); !cmp.Equal(got, span(1, 100)) {
		t.Errorf("events = %v, want 1 to 99", got)
	}
	publish(t, emitter, "news", 100, 101)
	events := take(t, slow)[framing.KindEvent]
	if got := sequences(events); !cmp.Equal(got, span(100, 101)) {
		t.Fatalf("after catching up: %v, want 100", got)
	}
	if events[0].Flags&framing.FlagReplayed != 0 {
		t.Error("an event that came while subscribed is marked as replayed")
	}
	if got := meter.Dropped(); len(got) > 0 {
		t.Errorf("Dropped() = %v, want nothing", got)
	}
}

func TestWindowWaitsForAcks(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	publish(t, emitter, "news", 1, 11)
	s := q.Attach(&queue.SessionConfig{Window: 4})
	defer s.Close()
	if err := s.Subscribe([]byte("news"), 1, framing.Subscribe{Epoch: q.Epoch(), Offset: 1}); err != nil {
		t.Fatal(err)
	}
	got := take(t, s)[framing.KindEvent]
	if len(got) != 4 || !s.Stalled() {
		t.Fatalf("%d events without an ack, stalled %v, want 4, true", len(got), s.Stalled())
	}
	s.Ack([]byte("news"), 2)
	if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, span(5, 7)) {
		t.Errorf("after an ack of 2: %v, want 5 and 6", got)
	}
	s.Unstall()
	if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, span(7, 11)) {
		t.Errorf("after giving up on acks: %v, want 7 to 10", got)
	}
	if s.Stalled() {
		t.Error("Stalled() = true with nothing left")
	}
}

func TestUnreadRepliesEndTheSession(t *testing.T) {
	q := newQueue(t, nil)
	s := q.Attach(nil)
	defer s.Close()
	for range 10_000 {
		s.Reply(&framing.Frame{Kind: framing.KindPong})
	}
	<-s.Ended()
	if got := len(take(t, s)[framing.KindPong]); got >= 10_000 {
		t.Errorf("%d replies waited, want a bound", got)
	}
}
