package queue_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
)

// lateStore takes its time: what is appended is safe when the test says so.
type lateStore struct {
	*memory.Store
	mu      sync.Mutex
	waiting []func(error)
}

func (s *lateStore) Append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) {
	own := append([]byte(nil), frames...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, func(err error) {
		if err != nil {
			done(own, err)
			return
		}
		s.Store.Append(topic, at, own, count, done)
	})
}

// answer answers for what was appended so far.
func (s *lateStore) answer(err error) {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, w := range waiting {
		w(err)
	}
}

func newLate(t *testing.T) (*lateStore, *queue.Queue) {
	s := &lateStore{Store: memory.New(0)}
	return s, newQueue(t, &queue.Config{Store: s, Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
}

func TestNothingIsSeenBeforeItIsSafe(t *testing.T) {
	store, q := newLate(t)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	listener, _ := subscribe(t, q, nil, "news")
	publish(t, emitter, "news", 1, 4)
	publish(t, emitter, "news", 4, 6)
	if got := take(t, emitter); len(got) > 0 {
		t.Errorf("the emitter was answered before anything was safe: %v", got)
	}
	if got := take(t, listener); len(got) > 0 {
		t.Errorf("the listener got %v before it was safe", got)
	}
	store.answer(nil)
	if got := sequences(take(t, emitter)[framing.KindAck]); !cmp.Equal(got, span(5, 6)) {
		t.Errorf("acks = %v, want one for 5", got)
	}
	if got := sequences(take(t, listener)[framing.KindEvent]); !cmp.Equal(got, span(1, 6)) {
		t.Errorf("events = %v, want 1 to 5", got)
	}
	emitter.Close()
}

// Acks of what needs no store wait for those before them, and stay few.
func TestAcksKeepTheirOrder(t *testing.T) {
	store, q := newLate(t)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	publish(t, emitter, "news", 1, 2)
	for n := uint64(2); n < 100; n++ {
		publish(t, emitter, "ignored", n, n+1)
	}
	publish(t, emitter, "news", 100, 101)
	publish(t, emitter, "ignored", framing.Sequence(1, 1), framing.Sequence(1, 3))
	if got := take(t, emitter); len(got) > 0 {
		t.Errorf("answered before the first was safe: %v", got)
	}
	store.answer(nil)
	if got := sequences(take(t, emitter)[framing.KindAck]); !cmp.Equal(got, []uint64{100, framing.Sequence(1, 2)}) {
		t.Errorf("acks = %v, want 100 and the second of stream 1", got)
	}
	emitter.Close()
}

func TestRefusedLate(t *testing.T) {
	store, q := newLate(t)
	meter := queue.NewMeter(nil, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1, Meter: meter})
	publish(t, emitter, "news", 1, 4)
	store.answer(errors.New("the disk broke"))
	got := take(t, emitter)
	if len(got[framing.KindNack]) != 1 {
		t.Fatalf("%d nacks, want 1", len(got[framing.KindNack]))
	}
	r, err := framing.ParseRanges(got[framing.KindNack][0].Payload)
	if err != nil || r.Total() != 3 {
		t.Errorf("refused %d events, %v, want 3", r.Total(), err)
	}
	if got := meter.Dropped()[queue.FateServerQueue]; got != 3 {
		t.Errorf("Dropped()[server-queue] = %d, want 3", got)
	}
	emitter.Close()
}

// Close and Subscribe wait for the store: what is answered later is still in
// order.
func TestCloseWaitsForTheStore(t *testing.T) {
	store, q := newLate(t)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	publish(t, emitter, "news", 1, 4)
	closed := make(chan struct{})
	go func() {
		emitter.Close()
		close(closed)
	}()
	<-emitter.Ended()
	select {
	case <-closed:
		t.Error("Close() returned before the store had answered")
	default:
	}
	store.answer(nil)
	<-closed
}
