package tcpq_test

import (
	"errors"
	"fmt"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

func TestTopics(t *testing.T) {
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"kept": queue.PolicyStore}, Retention: queue.Retention{Count: 5}})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &tcpq.Config{Queue: q})
	ada := dial(t, s, &tcpq.ClientConfig{Name: "ada"})
	subscribe(t, ada, "kept")
	c := dial(t, s, nil)
	subscribe(t, c, "live")
	pattern := dial(t, s, nil)
	subscribe(t, pattern, "*")
	ada.Close()
	emit(t, c, "live", 1, 2)
	emit(t, c, "kept", 1, 9) // 8 events, of which 5 stay
	got, err := c.Topics(t.Context())
	for err == nil && len(got) == 2 && len(got[0].Cursors) == 1 && got[0].Cursors[0].Present {
		got, err = c.Topics(t.Context()) // the server says bye before it lets go of the session
	}
	if err != nil || len(got) != 2 {
		t.Fatalf("Topics() = %+v, %v, want kept and live", got, err)
	}
	kept, live := got[0], got[1]
	if kept.Name != "kept" || kept.Policy != "store" || kept.First != 4 || kept.Next != 9 || kept.Depth() != 5 || kept.Bytes == 0 {
		t.Errorf("kept = %+v, want offsets 4 to 8", kept)
	}
	if len(kept.Cursors) != 1 || kept.CursorCount != 1 || kept.Cursors[0].Client != "ada" || kept.Cursors[0].Present || kept.Cursors[0].Lag(&kept) != 5 {
		t.Errorf("cursors = %+v, want ada away, lagging by 5", kept.Cursors)
	}
	if live.Name != "live" || live.Policy != "ignore" || live.Subscribers != 2 {
		t.Errorf("live = %+v, want 2 subscribers", live)
	}
}

// Many topics come in pages, all of them.
func TestTopicsInPages(t *testing.T) {
	q, err := queue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &tcpq.Config{Queue: q, FrameLimit: 16 << 10})
	c := dial(t, s, nil)
	for n := range 700 {
		subscribe(t, c, fmt.Sprintf("topic.%04d", n))
	}
	got, err := c.Topics(t.Context())
	if err != nil || len(got) != 700 {
		t.Fatalf("%d topics, %v, want 700", len(got), err)
	}
	for n, topic := range got {
		if want := fmt.Sprintf("topic.%04d", n); topic.Name != want {
			t.Fatalf("topic %d is %s, want %s", n, topic.Name, want)
		}
	}
}

func TestTopicsRespectRights(t *testing.T) {
	k, _ := keyring(t, "emit: [mine]\n    listen: [ours.*]")
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"mine": 0, "ours.1": 1, "theirs": 1}})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &tcpq.Config{Queue: q, Keyring: k})
	got, err := dial(t, s, ada).Topics(t.Context())
	if err != nil || len(got) != 2 || got[0].Name != "mine" || got[1].Name != "ours.1" {
		t.Errorf("Topics() = %+v, %v, want mine and ours.1", got, err)
	}
}

func TestNonsenseInsteadOfATopicsQuery(t *testing.T) {
	s := serve(t, nil)
	r := greeted(t, s, 7)
	r.say(t, framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagRequest, Origin: 7, Sequence: 1, Topic: []byte(tcpq.TopicsTopic), Payload: []byte("all")})
	r.hear(t, framing.KindError, framing.CodeInvalid)
	c := dial(t, s, nil)
	_, err := c.Request(t.Context(), "$other", nil)
	if err == nil || errors.Is(err, tcpq.ErrNoTopics) {
		t.Errorf("Request($other) = %v, want it refused", err)
	}
}
