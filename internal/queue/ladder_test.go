package queue_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// wish makes a session that listens to news in its own way.
func wish(t *testing.T, q *queue.Queue, c *queue.SessionConfig, w framing.Subscribe) *queue.Session {
	t.Helper()
	s := q.Attach(c)
	if err := s.Subscribe([]byte("news"), 1, w); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAckWindow(t *testing.T) {
	q := newQueue(t, nil)
	e := newEmitter(t, q, 1)
	s := wish(t, q, nil, framing.Subscribe{Delivery: framing.AtLeastOnce, Window: 3})
	defer s.Close()
	var got []uint64
	for n := uint64(1); n < 11; n++ {
		e.emit("news")
		got = append(got, sequences(take(t, s)[framing.KindEvent])...)
	}
	if !cmp.Equal(got, span(1, 4)) {
		t.Fatalf("without an ack: %v, want 1 to 3", got)
	}
	for _, test := range []struct {
		ack  uint64
		want []uint64
	}{{2, span(4, 6)}, {2, nil}, {1, nil}, {5, span(6, 9)}, {99, span(9, 11)}} {
		if err := s.Ack([]byte("news"), test.ack); err != nil {
			t.Fatal(err)
		}
		if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, test.want) {
			t.Errorf("after an ack of %d: %v, want %v", test.ack, got, test.want)
		}
	}
}

// The oldest event without an ack comes again when nothing was acknowledged
// for a while, so often, and then is given up.
func TestRedeliveryUntilGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, nil)
		e := newEmitter(t, q, 1)
		meter := queue.NewMeter(nil, nil)
		s := wish(t, q, &queue.SessionConfig{Name: "ada", Meter: meter}, framing.Subscribe{Delivery: framing.AtLeastOnce, Redeliver: time.Second, MaxDeliveries: 3})
		e.emit("news", "news")
		if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, span(1, 3)) {
			t.Fatalf("events = %v, want 1 and 2", got)
		}
		for range 2 {
			time.Sleep(time.Second - 1)
			if got := take(t, s); len(got) > 0 {
				t.Errorf("before its time: %v", got)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			events := take(t, s)[framing.KindEvent]
			if len(events) != 1 || events[0].Offset != 1 || events[0].Flags&framing.FlagRedelivered == 0 {
				t.Fatalf("after a second: %+v, want the first event, redelivered", events)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		got := take(t, s)
		nacks := got[framing.KindNack]
		if len(nacks) != 1 || nacks[0].Code != framing.CodeTimeout || string(nacks[0].Topic) != "news" {
			t.Fatalf("after three deliveries: %+v, want a nack", got)
		}
		if r, err := framing.ParseRanges(nacks[0].Payload); err != nil || r.Total() != 1 {
			t.Errorf("given up %d events, %v, want 1", r.Total(), err)
		}
		if meter.Redelivered() != 2 || meter.GivenUp() != 1 || meter.Forwarded() != 2 {
			t.Errorf("redelivered %d, given up %d, forwarded %d, want 2, 1, 2", meter.Redelivered(), meter.GivenUp(), meter.Forwarded())
		}
		s.Ack([]byte("news"), 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := take(t, s); len(got) > 0 {
			t.Errorf("after an ack of all: %v, want silence", got)
		}
		s.Close()
		_, r := subscribeOnly(t, q, &queue.SessionConfig{Name: "ada"})
		if r.From != 3 || r.To != 3 {
			t.Errorf("receipt = %+v, want the cursor behind what was given up", r)
		}
	})
}

// An ack puts off the redelivery of what comes after it.
func TestProgressPutsRedeliveryOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, nil)
		e := newEmitter(t, q, 1)
		s := wish(t, q, nil, framing.Subscribe{Delivery: framing.AtLeastOnce, Redeliver: time.Second})
		e.emit("news", "news", "news", "news")
		take(t, s)
		for n := uint64(1); n < 4; n++ {
			time.Sleep(700 * time.Millisecond)
			s.Ack([]byte("news"), n)
			if got := take(t, s); len(got) > 0 {
				t.Errorf("with an ack every 0.7 s: %v", got)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, []uint64{4}) {
			t.Errorf("a second after the last ack: %v, want 4", got)
		}
		s.Close()
	})
}

// A client that dies of an event again and again gets past it.
func TestDeliveriesCountOverSessions(t *testing.T) {
	q := newQueue(t, nil)
	e := newEmitter(t, q, 1)
	ada := &queue.SessionConfig{Name: "ada", Meter: queue.NewMeter(nil, nil)}
	w := framing.Subscribe{Delivery: framing.AtLeastOnce, MaxDeliveries: 3}
	s := wish(t, q, ada, w)
	e.emit("news", "news")
	for n := range 3 {
		if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, span(1, 3)) {
			t.Fatalf("session %d got %v, want 1 and 2", n, got)
		}
		s.Close()
		s = wish(t, q, ada, w)
	}
	defer s.Close()
	if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, []uint64{2}) {
		t.Errorf("after three deliveries: %v, want 2", got)
	}
	if got := ada.Meter.GivenUp(); got != 1 {
		t.Errorf("GivenUp() = %d, want 1", got)
	}
}

func TestAtMostOnce(t *testing.T) {
	q := newQueue(t, nil)
	e := newEmitter(t, q, 1)
	ada := &queue.SessionConfig{Name: "ada", Meter: queue.NewMeter(nil, nil)}
	w := framing.Subscribe{Delivery: framing.AtMostOnce}
	s := wish(t, q, ada, w)
	e.emit("news", "news")
	take(t, s) // and no ack
	e.emit("news")
	var c queue.Chunk
	s.Take(&c) // on its way when the connection breaks
	s.End(framing.CodeInternal, "connection broke")
	s.Lost(&c, 0)
	s.Close()
	e.emit("news")
	s = wish(t, q, ada, w)
	defer s.Close()
	if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, []uint64{4}) {
		t.Errorf("on return: %v, want 4 alone", got)
	}
	if got := ada.Meter.Dropped()[queue.FateConnectionLost]; got != 1 {
		t.Errorf("Dropped()[connection-lost] = %d, want the third", got)
	}
}

// What expires before a slow subscriber comes for it is told, and its window
// does not wait for it.
func TestExpiredWhileLaggingIsTold(t *testing.T) {
	q := newQueue(t, &queue.Config{Retention: queue.Retention{Count: 4}})
	e := newEmitter(t, q, 1)
	s := wish(t, q, nil, framing.Subscribe{Delivery: framing.AtLeastOnce, Window: 2})
	defer s.Close()
	for range 10 {
		e.emit("news")
	}
	got := take(t, s)
	var lost uint64
	for _, f := range got[framing.KindNack] {
		r, err := framing.ParseRanges(f.Payload)
		if err != nil || f.Code != framing.CodeLimit {
			t.Errorf("nack %v, %v, want expired ranges", f.Code, err)
		}
		lost += r.Total()
	}
	if sequences := sequences(got[framing.KindEvent]); lost != 4 || !cmp.Equal(sequences, []uint64{1, 2, 7, 8}) {
		t.Errorf("%d told as lost and events %v, want 4 (3 to 6) between 2 and 7", lost, sequences)
	}
}

func TestWishesThatAreNotGranted(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyIgnore}})
	tests := map[string]struct {
		topic string
		wish  framing.Subscribe
	}{
		"at least once, ignored":      {"news", framing.Subscribe{Delivery: framing.AtLeastOnce}},
		"at least once, by a pattern": {"a.*", framing.Subscribe{Delivery: framing.AtLeastOnce}},
		"a window without acks":       {"other", framing.Subscribe{Window: 4}},
		"to block, where others drop": {"other", framing.Subscribe{Overflow: queue.Block.WishFor()}},
		"an unknown policy":           {"other", framing.Subscribe{Overflow: 9}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := q.Attach(nil)
			defer s.Close()
			if err := s.Subscribe([]byte(test.topic), 1, test.wish); !errors.Is(err, framing.ErrInvalid) {
				t.Errorf("Subscribe() = %v, want ErrInvalid", err)
			}
		})
	}
}

// Each subscriber has the policy that it asked for.
func TestOverflowPerSubscription(t *testing.T) {
	q := newQueue(t, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	dropping := wish(t, q, &queue.SessionConfig{OutboxBytes: 2 * frameBytes}, framing.Subscribe{})
	defer dropping.Close()
	leaving := wish(t, q, &queue.SessionConfig{OutboxBytes: 2 * frameBytes}, framing.Subscribe{Overflow: queue.Disconnect.WishFor()})
	defer leaving.Close()
	for n := uint64(1); n < 6; n++ {
		publish(t, emitter, "news", n, n+1)
	}
	<-leaving.Ended()
	if got := sequences(take(t, dropping)[framing.KindEvent]); !cmp.Equal(got, span(4, 6)) {
		t.Errorf("who drops got %v, want 4 and 5", got)
	}
}
