package queue_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// sendEach takes what waits, as a transport does that sends events one by one.
func sendEach(s *queue.Session) (events []framing.Frame) {
	var c queue.Chunk
	for s.Take(&c) {
		for _, part := range [][]byte{c.Control, c.Kept, c.Live} {
			for len(part) > 0 {
				f, n, _ := framing.Parse(part, len(part))
				if f.Kind == framing.KindEvent {
					events = append(events, f.Clone())
				}
				s.SentFrames(part[:n], true)
				part = part[n:]
			}
		}
	}
	return events
}

func redelivered(events []framing.Frame) (n int) {
	for _, f := range events {
		if f.Flags&framing.FlagRedelivered != 0 {
			n++
		}
	}
	return n
}

func TestResend(t *testing.T) {
	for _, listensTo := range []string{"news", ">"} {
		for _, window := range []int{0, 4} {
			q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
			emitter := q.Attach(&queue.SessionConfig{Origin: 1})
			meter := queue.NewMeter(nil, nil)
			ada, _ := subscribe(t, q, &queue.SessionConfig{Name: "ada", Checksum: true, Window: window, Meter: meter}, listensTo)
			publish(t, emitter, "news", 1, 11)
			if got := sendEach(ada); len(got) != 10 || redelivered(got) != 0 {
				t.Fatalf("%s: %d events sent, want 10, once", listensTo, len(got))
			}
			if err := ada.Ack([]byte("news"), 3); err != nil {
				t.Fatal(err)
			}
			publish(t, emitter, "news", 11, 13) // wait in the outbox
			ada.Resend()
			publish(t, emitter, "news", 13, 15) // come behind
			var got []framing.Frame
			for len(got) < 11 {
				more := sendEach(ada)
				if len(more) == 0 {
					ada.Unstall() // as a transport does that waits for no acks
				}
				got = append(got, more...)
			}
			if diff := cmp.Diff(span(4, 15), sequences(got)); diff != "" {
				t.Errorf("%s, window %d: sent after Resend (-want +got):\n%s", listensTo, window, diff)
			}
			if n := redelivered(got); n != 7 {
				t.Errorf("%s: %d redelivered, want 7: those that had been sent", listensTo, n)
			}
			if meter.Forwarded() != 14 || meter.Due() != 14 {
				t.Errorf("%s: %d of %d forwarded, want each of 14 once", listensTo, meter.Forwarded(), meter.Due())
			}
			if err := ada.Ack([]byte("news"), 14); err != nil {
				t.Fatal(err)
			}
			ada.Resend()
			if got := sendEach(ada); len(got) != 0 {
				t.Errorf("%s: %d events sent though all are acknowledged", listensTo, len(got))
			}
			emitter.Close()
			ada.Close()
			q.Close()
		}
	}
}

// What is wanted at most once, and what is not stored, is not sent again.
func TestResendNotWanted(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	defer q.Close()
	emitter := q.Attach(&queue.SessionConfig{Origin: 1})
	defer emitter.Close()
	s := q.Attach(&queue.SessionConfig{Name: "ada"})
	defer s.Close()
	if err := s.Subscribe([]byte("news"), 1, framing.Subscribe{Delivery: framing.AtMostOnce}); err != nil {
		t.Fatal(err)
	}
	other, _ := subscribe(t, q, &queue.SessionConfig{}, "talk")
	publish(t, emitter, "news", 1, 6)
	publish(t, emitter, "talk", 1, 6)
	for _, s := range []*queue.Session{s, other} {
		if got := sendEach(s); len(got) != 5 {
			t.Fatalf("%d events sent, want 5", len(got))
		}
		s.Resend()
		if got := sendEach(s); len(got) != 0 {
			t.Errorf("%d events sent again", len(got))
		}
	}
}
