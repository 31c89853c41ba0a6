package queue_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
)

func newQueue(t *testing.T, c *queue.Config) *queue.Queue {
	t.Helper()
	q, err := queue.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// subscribe makes a session that listens to topic, and returns it with its receipt.
func subscribe(t *testing.T, q *queue.Queue, c *queue.SessionConfig, topic string) (*queue.Session, framing.Receipt) {
	t.Helper()
	s := q.Attach(c)
	t.Cleanup(s.Close)
	if err := s.Subscribe([]byte(topic), 1, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	var c1 queue.Chunk
	s.Take(&c1)
	f, _, err := framing.Parse(c1.Control, len(c1.Control))
	if err != nil || f.Kind != framing.KindReceipt {
		t.Fatalf("first frame = %v, %v, want a receipt", f.Kind, err)
	}
	r, err := framing.ParseReceipt(f.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if len(c1.Kept) > 0 {
		t.Fatal("something is replayed already")
	}
	return s, r
}

// publish emits the numbers [from, to) of origin 1.
func publish(t *testing.T, s *queue.Session, topic string, from, to uint64) {
	t.Helper()
	for n := from; n < to; n++ {
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: s.Origin(), Sequence: n, Topic: []byte(topic), Payload: fmt.Append(nil, n)}
		if err := s.Publish(&f); err != nil {
			t.Fatal(err)
		}
	}
	s.Commit()
}

// take takes everything that waits and returns it by kind.
func take(t *testing.T, s *queue.Session) map[framing.Kind][]framing.Frame {
	t.Helper()
	got := make(map[framing.Kind][]framing.Frame)
	var c queue.Chunk
	for s.Take(&c) {
		for _, part := range [][]byte{c.Control, c.Kept, c.Live} {
			for len(part) > 0 {
				f, n, err := framing.Parse(part, len(part))
				if err != nil {
					t.Fatal(err)
				}
				got[f.Kind] = append(got[f.Kind], f.Clone())
				part = part[n:]
			}
		}
		s.Sent(&c)
	}
	return got
}

func sequences(frames []framing.Frame) []uint64 {
	var s []uint64
	for _, f := range frames {
		s = append(s, f.Sequence)
	}
	return s
}

func span(from, to uint64) []uint64 {
	var s []uint64
	for n := from; n < to; n++ {
		s = append(s, n)
	}
	return s
}

func TestIgnoredTopicReachesWhoListens(t *testing.T) {
	q := newQueue(t, nil)
	meter := queue.NewMeter(nil, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1, Meter: meter})
	defer emitter.Close()
	publish(t, emitter, "news", 1, 4)
	if got := meter.Dropped()[queue.FateOffline]; got != 3 {
		t.Errorf("Dropped()[offline] = %d, want 3", got)
	}
	listener, _ := subscribe(t, q, &queue.SessionConfig{Meter: meter}, "news")
	other, _ := subscribe(t, q, nil, "other")
	publish(t, emitter, "news", 4, 7)
	if got := sequences(take(t, listener)[framing.KindEvent]); !cmp.Equal(got, span(4, 7)) {
		t.Errorf("events = %v, want 4 to 6", got)
	}
	if got := take(t, other)[framing.KindEvent]; len(got) > 0 {
		t.Errorf("another topic's subscriber got %d events", len(got))
	}
	acks := take(t, emitter)[framing.KindAck]
	if len(acks) != 1 || acks[0].Sequence != 6 {
		t.Errorf("acks = %v, want one for 6", sequences(acks))
	}
	if meter.Received() != 6 || meter.Forwarded() != 3 {
		t.Errorf("received %d, forwarded %d, want 6 and 3", meter.Received(), meter.Forwarded())
	}
}

func TestChecksumWhereWanted(t *testing.T) {
	q := newQueue(t, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	datagrams, _ := subscribe(t, q, &queue.SessionConfig{Checksum: true}, "news")
	stream, _ := subscribe(t, q, nil, "news")
	publish(t, emitter, "news", 1, 3)
	for _, f := range take(t, datagrams)[framing.KindEvent] {
		if f.Flags != framing.FlagCRC {
			t.Errorf("flags for a datagram = %v, want a CRC", f.Flags)
		}
	}
	for _, f := range take(t, stream)[framing.KindEvent] {
		if f.Flags != 0 {
			t.Errorf("flags for a stream = %v, want none", f.Flags)
		}
	}
}

func TestNamedClientGetsWhatItMissed(t *testing.T) {
	q := newQueue(t, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	ada := &queue.SessionConfig{Origin: 2, Name: "ada"}
	s, r := subscribe(t, q, ada, "news")
	if r.From != r.To || r.Replayed != 0 || r.Epoch != q.Epoch() {
		t.Errorf("first receipt = %+v, want nothing missed", r)
	}
	publish(t, emitter, "news", 1, 6)
	events := take(t, s)[framing.KindEvent]
	if got := sequences(events); !cmp.Equal(got, span(1, 6)) {
		t.Fatalf("events = %v, want 1 to 5", got)
	}
	s.Ack([]byte("news"), events[2].Offset)
	s.Close()
	publish(t, emitter, "news", 6, 9)

	s = q.Attach(ada)
	defer s.Close()
	if err := s.Subscribe([]byte("news"), 7, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	got := take(t, s)
	r, _ = framing.ParseReceipt(got[framing.KindReceipt][0].Payload)
	if r.From != 4 || r.To != 9 || r.Replayed != 5 || r.Expired.Total() != 0 {
		t.Errorf("receipt = %+v, want [4, 9) replayed", r)
	}
	if got := sequences(got[framing.KindEvent]); !cmp.Equal(got, span(4, 9)) {
		t.Errorf("replayed = %v, want 4 to 8", got)
	}
	for _, f := range got[framing.KindEvent] {
		if f.Flags&framing.FlagReplayed == 0 || f.Offset != f.Sequence {
			t.Errorf("event %d has flags %v, offset %d", f.Sequence, f.Flags, f.Offset)
		}
	}
}

func TestExpiredEventsAreOnTheReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var expired []uint64
		q := newQueue(t, &queue.Config{
			Retention: queue.Retention{Count: 3, Age: time.Hour},
			Trace:     func(e queue.TraceEvent) { expired = append(expired, e.Sequence) },
		})
		emitter := q.Attach(&queue.SessionConfig{Origin: 1})
		ada := &queue.SessionConfig{Name: "ada"}
		s, _ := subscribe(t, q, ada, "news")
		s.Close()
		publish(t, emitter, "news", 1, 6)
		if !cmp.Equal(expired, span(1, 3)) {
			t.Errorf("traced as expired: %v, want 1 and 2", expired)
		}
		time.Sleep(2 * time.Hour) // of the bubble's time
		publish(t, emitter, "news", 6, 7)
		_, r := subscribeOnly(t, q, ada)
		if r.From != 1 || r.To != 7 || r.Replayed != 1 || r.Expired.Total() != 5 {
			t.Errorf("receipt = %+v, want 1 replayed, 5 expired", r)
		}
		if got := q.Dropped()[queue.FateExpired]; got != 5 {
			t.Errorf("Dropped()[expired] = %d, want 5", got)
		}
		emitter.Close()
	})
}

func subscribeOnly(t *testing.T, q *queue.Queue, c *queue.SessionConfig) (*queue.Session, framing.Receipt) {
	t.Helper()
	s := q.Attach(c)
	t.Cleanup(s.Close)
	if err := s.Subscribe([]byte("news"), 1, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	r, err := framing.ParseReceipt(take(t, s)[framing.KindReceipt][0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestIgnoreSetExplicitlyStays(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyIgnore}})
	meter := queue.NewMeter(nil, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1, Meter: meter})
	defer emitter.Close()
	s, _ := subscribe(t, q, &queue.SessionConfig{Name: "ada"}, "news")
	s.Close()
	publish(t, emitter, "news", 1, 4)
	_, r := subscribeOnly(t, q, &queue.SessionConfig{Name: "ada"})
	if r.Replayed != 0 || r.From != r.To {
		t.Errorf("receipt = %+v, want nothing", r)
	}
	if got := meter.Dropped()[queue.FateOffline]; got != 3 {
		t.Errorf("Dropped()[offline] = %d, want 3", got)
	}
}

func TestResumePoint(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	publish(t, emitter, "news", 1, 6)
	tests := map[string]struct {
		resume framing.Subscribe
		want   []uint64
	}{
		"none":          {framing.Subscribe{}, nil},
		"own offset":    {framing.Subscribe{Epoch: q.Epoch(), Offset: 4}, span(4, 6)},
		"past the end":  {framing.Subscribe{Epoch: q.Epoch(), Offset: 99}, nil},
		"another epoch": {framing.Subscribe{Epoch: q.Epoch() + 1, Offset: 4}, span(1, 6)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := q.Attach(nil)
			defer s.Close()
			if err := s.Subscribe([]byte("news"), 1, test.resume); err != nil {
				t.Fatal(err)
			}
			if got := sequences(take(t, s)[framing.KindEvent]); !cmp.Equal(got, test.want) {
				t.Errorf("replayed = %v, want %v", got, test.want)
			}
		})
	}
}

func TestFullStoreRefuses(t *testing.T) {
	q := newQueue(t, &queue.Config{
		Store:  memory.New(100),
		Topics: map[string]queue.Policy{"news": queue.PolicyStore},
	})
	meter := queue.NewMeter(nil, nil)
	emitter := q.Attach(&queue.SessionConfig{Origin: 1, Meter: meter})
	defer emitter.Close()
	publish(t, emitter, "news", 1, 3)
	publish(t, emitter, "news", 3, 6)
	got := take(t, emitter)
	if len(got[framing.KindNack]) != 1 || got[framing.KindNack][0].Code != framing.CodeFull {
		t.Fatalf("nacks = %v, want one", got[framing.KindNack])
	}
	r, err := framing.ParseRanges(got[framing.KindNack][0].Payload)
	if err != nil || r.Total() != 3 {
		t.Errorf("refused %d events, %v, want 3", r.Total(), err)
	}
	if got := meter.Dropped()[queue.FateServerQueue]; got != 3 {
		t.Errorf("Dropped()[server-queue] = %d, want 3", got)
	}
}

func TestLimits(t *testing.T) {
	q := newQueue(t, &queue.Config{MaxTopics: 2, MaxCursors: 1})
	s := q.Attach(&queue.SessionConfig{MaxSubscriptions: 1, Name: "ada"})
	defer s.Close()
	other := q.Attach(&queue.SessionConfig{Name: "bob"})
	defer other.Close()
	tests := []struct {
		s     *queue.Session
		topic string
		want  string
	}{
		{s, "a", ""},
		{s, "b", "subscriptions"},
		{other, "a", "named clients of the topic"},
		{other, "b", ""},
		{other, "c", "topics"},
	}
	for _, test := range tests {
		err := test.s.Subscribe([]byte(test.topic), 1, framing.Subscribe{})
		what := ""
		if limit, ok := errors.AsType[*queue.LimitError](err); ok {
			what = limit.What
		}
		if what != test.want {
			t.Errorf("Subscribe(%q) = %v, want a limit of %q", test.topic, err, test.want)
		}
	}
}

func TestSameNameTakesOver(t *testing.T) {
	q := newQueue(t, nil)
	first, _ := subscribe(t, q, &queue.SessionConfig{Name: "ada"}, "news")
	subscribe(t, q, &queue.SessionConfig{Name: "ada"}, "other")
	select {
	case <-first.Ended():
		t.Fatal("listening to another topic ended the session")
	default:
	}
	subscribe(t, q, &queue.SessionConfig{Name: "ada"}, "news")
	<-first.Ended()
	if last := first.Last(); last.Kind != framing.KindError || last.Code != framing.CodeLimit {
		t.Errorf("Last() = %v %v, want an error, limit", last.Kind, last.Code)
	}
}
