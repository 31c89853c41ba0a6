package queue_test

import (
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// TestReceiptIsAPromise: an event that is emitted once the receipt can have
// been read is delivered, and comes behind it.
func TestReceiptIsAPromise(t *testing.T) {
	for _, listensTo := range []string{"a.news", "a.*"} {
		for policy, name := range map[queue.Policy]string{queue.PolicyIgnore: "", queue.PolicyStore: "ada"} {
			t.Run(listensTo+" "+policy.String(), func(t *testing.T) {
				q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"a.news": policy}})
				if err != nil {
					t.Fatal(err)
				}
				defer q.Close()
				emitter := q.Attach(&queue.SessionConfig{Origin: 1})
				defer emitter.Close()
				emitted := make(chan error, 1)
				told := false
				listener := q.Attach(&queue.SessionConfig{Origin: 2, Name: name, Work: func() {
					if told {
						return
					}
					told = true
					go func() {
						err := emitter.Publish(&framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 1, Topic: []byte("a.news")})
						emitter.Commit()
						emitter.Settle()
						emitted <- err
					}()
					// Whoever tells of the receipt may be held up here for long. If the event
					// waits for the subscription to be complete, so much the better.
					select {
					case err := <-emitted:
						emitted <- err
					case <-time.After(50 * time.Millisecond):
					}
				}})
				defer listener.Close()
				if err := listener.Subscribe([]byte(listensTo), 7, framing.Subscribe{}); err != nil {
					t.Fatal(err)
				}
				if err := <-emitted; err != nil {
					t.Fatal(err)
				}
				var got []framing.Kind
				var c queue.Chunk
				for listener.Take(&c) {
					for _, part := range c.Unsent() {
						for len(part) > 0 {
							f, n, err := framing.Parse(part, framing.DefaultLimit)
							if err != nil {
								t.Fatal(err)
							}
							got, part = append(got, f.Kind), part[n:]
						}
					}
					listener.Sent(&c)
				}
				if len(got) != 2 || got[0] != framing.KindReceipt || got[1] != framing.KindEvent {
					t.Errorf("got %v, want the receipt and the event", got)
				}
			})
		}
	}
}
