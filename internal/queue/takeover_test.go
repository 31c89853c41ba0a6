package queue_test

import (
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// TestTheNewestSessionIsTheClient: a client whose old session is only now done
// with a subscription, since a store kept it waiting, stays in its new one.
func TestTheNewestSessionIsTheClient(t *testing.T) {
	for _, listensTo := range []string{"a.news", "a.*"} {
		t.Run(listensTo, func(t *testing.T) {
			q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"a.news": queue.PolicyStore}})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			old, now := q.Attach(&queue.SessionConfig{Name: "ada"}), q.Attach(&queue.SessionConfig{Name: "ada"})
			for _, s := range []*queue.Session{now, old} {
				if err := s.Subscribe([]byte(listensTo), 1, framing.Subscribe{}); err != nil {
					t.Fatal(err)
				}
			}
			if ended(now) || !ended(old) {
				t.Errorf("the new session has ended: %v, the old one: %v", ended(now), ended(old))
			}
			old.Close()

			// The other way round it is as ever: who comes back is the client.
			back := q.Attach(&queue.SessionConfig{Name: "ada"})
			if err := back.Subscribe([]byte(listensTo), 1, framing.Subscribe{}); err != nil {
				t.Fatal(err)
			}
			if ended(back) || !ended(now) {
				t.Errorf("the returning session has ended: %v, the one before: %v", ended(back), ended(now))
			}
			now.Close()

			emitter := q.Attach(&queue.SessionConfig{Origin: 7})
			defer emitter.Close()
			defer back.Close()
			if err := emitter.Publish(&framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("a.news")}); err != nil {
				t.Fatal(err)
			}
			emitter.Commit()
			emitter.Settle()
			var c queue.Chunk
			events := 0
			for back.Take(&c) {
				for _, part := range c.Unsent() {
					for len(part) > 0 {
						f, n, err := framing.Parse(part, framing.DefaultLimit)
						if err != nil {
							t.Fatal(err)
						}
						if part = part[n:]; f.Kind == framing.KindEvent {
							events++
						}
					}
				}
				back.Sent(&c)
			}
			if events != 1 {
				t.Errorf("the client got %d events, want the one", events)
			}
		})
	}
}

func ended(s *queue.Session) bool {
	select {
	case <-s.Ended():
		return true
	default:
		return false
	}
}
