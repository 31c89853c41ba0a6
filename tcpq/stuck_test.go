package tcpq_test

import (
	"fmt"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// One subscriber never reads. The others get every event, whatever the policy
// and also by a pattern, and what the stuck one did not get has a fate or
// waits in the log.
func TestOneStuckReaderAmongOthers(t *testing.T) {
	const events, batch, readers = 320, 16, 5
	for name, test := range map[string]struct {
		policy queue.Policy
		wish   framing.Subscribe
	}{
		"drop-oldest":   {queue.PolicyIgnore, framing.Subscribe{}},
		"disconnect":    {queue.PolicyIgnore, framing.Subscribe{Overflow: queue.Disconnect.WishFor()}},
		"stored":        {queue.PolicyStore, framing.Subscribe{}},
		"at least once": {queue.PolicyStore, framing.Subscribe{Delivery: framing.AtLeastOnce, Window: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"a.news": test.policy}})
			if err != nil {
				t.Fatal(err)
			}
			s := serve(t, &tcpq.Config{Queue: q, OutboxBytes: 1 << 20})
			stuck := greeted(t, s, 7)
			stuck.say(t, framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte("a.news"), Payload: test.wish.Append(nil)})
			stuck.hear(t, framing.KindReceipt, framing.CodeOK)
			read := make(chan error, batch*readers) // of an event, by a reader
			for n := range readers {
				c := dial(t, s, nil)
				subscribe(t, c, []string{"a.news", "a.*"}[n%2])
				go func() {
					for want := uint64(1); want <= events; want++ {
						e, err := c.Next(t.Context())
						if err == nil && e.Sequence != want {
							err = fmt.Errorf("event %d instead of %d", e.Sequence, want)
						}
						read <- err
					}
				}()
			}
			emitter := dial(t, s, nil)
			for range events / batch {
				for range batch {
					if _, err := emitter.Emit("a.news", make([]byte, 32<<10)); err != nil {
						t.Fatal(err)
					}
				}
				for range batch * readers { // none of them is ever more than a batch behind
					if err := <-read; err != nil {
						t.Fatalf("a reader missed an event: %v", err)
					}
				}
			}
			lost := s.Stats().Dropped[queue.FateServerQueue]
			if ignored := test.policy == queue.PolicyIgnore; ignored != (lost > 0) {
				t.Errorf("%d events dropped for the stuck reader, want some only where the topic is ignored", lost)
			}
		})
	}
}

func TestStuckReaderUnderBlockIsAChoice(t *testing.T) {
	s := serve(t, &tcpq.Config{Policy: queue.Block, OutboxBytes: 64 << 10})
	c := dial(t, s, nil)
	wish := framing.Subscribe{Overflow: queue.DropOldest.WishFor()} // one may ask for less than the server's policy
	if _, err := c.SubscribeFrom(t.Context(), "news", wish); err != nil {
		t.Fatal(err)
	}
	other := serve(t, nil)
	d := dial(t, other, nil)
	if _, err := d.SubscribeFrom(t.Context(), "news", framing.Subscribe{Overflow: queue.Block.WishFor()}); err == nil {
		t.Error("a subscriber may block emitters where the server drops")
	}
	emit(t, c, "news", 1, 2)
	expect(t, c, 1, 2)
}
