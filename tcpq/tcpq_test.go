package tcpq_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// server is a server on loopback that stops with the test.
type server struct {
	*tcpq.Server
	addr string
	stop func() // drains and waits
}

func serve(t *testing.T, c *tcpq.Config) *server {
	t.Helper()
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &server{Server: tcpq.NewServer(c), addr: l.Addr().String()}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stopped := false
	s.stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v, want nil", err)
		}
	}
	t.Cleanup(s.stop)
	return s
}

func dial(t *testing.T, s *server, c *tcpq.ClientConfig) *tcpq.Client {
	t.Helper()
	client, err := tcpq.Dial(t.Context(), s.addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func subscribe(t *testing.T, c *tcpq.Client, topic string) tcpq.Receipt {
	t.Helper()
	r, err := c.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func emit(t *testing.T, c *tcpq.Client, topic string, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if _, err := c.Emit(topic, fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// expect takes the events with payloads from to to, in order.
func expect(t *testing.T, c *tcpq.Client, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("Next() = %v, want event %d", err, n)
		}
		if string(e.Payload) != fmt.Sprint(n) {
			t.Fatalf("Next() = %q, want %d", e.Payload, n)
		}
	}
}

func TestEmitReachesEverySubscriber(t *testing.T) {
	s := serve(t, nil)
	emitter := dial(t, s, &tcpq.ClientConfig{Origin: 7})
	var listeners []*tcpq.Client
	for range 3 {
		c := dial(t, s, nil)
		subscribe(t, c, "news")
		listeners = append(listeners, c)
	}
	before := time.Now()
	emit(t, emitter, "news", 1, 1001)
	for _, c := range listeners {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Origin != 7 || e.Sequence != 1 || e.Topic != "news" || e.Time.Before(before.Add(-time.Second)) {
			t.Errorf("Next() = %+v, want (7, 1) of news", e)
		}
		expect(t, c, 2, 1001)
	}
	st := s.Stats()
	if st.Received != 1000 || st.Connections != 4 || len(st.Dropped) > 0 {
		t.Errorf("Stats() = %+v", st)
	}
}

func TestBothDirectionsAtOnce(t *testing.T) {
	s := serve(t, &tcpq.Config{Policy: queue.Block})
	c := dial(t, s, nil)
	subscribe(t, c, "echo")
	go func() {
		for n := range 20_000 {
			if _, err := c.Emit("echo", fmt.Append(nil, n)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	expect(t, c, 0, 20_000)
}

func TestNamedClientComesBack(t *testing.T) {
	s := serve(t, nil)
	emitter := dial(t, s, nil)
	ada := dial(t, s, &tcpq.ClientConfig{Name: "ada"})
	subscribe(t, ada, "news")
	emit(t, emitter, "news", 1, 6)
	expect(t, ada, 1, 4)
	if err := ada.Close(); err != nil {
		t.Fatal(err)
	}
	emit(t, emitter, "news", 6, 9)
	ada = dial(t, s, &tcpq.ClientConfig{Name: "ada"})
	r := subscribe(t, ada, "news")
	if r.From != 4 || r.To != 9 || r.Replayed != 5 || r.Epoch != ada.Epoch() {
		t.Errorf("receipt = %+v, want [4, 9) replayed", r)
	}
	expect(t, ada, 4, 9)
	emit(t, emitter, "news", 9, 12)
	expect(t, ada, 9, 12)
}

func TestUnsubscribe(t *testing.T) {
	s := serve(t, nil)
	c := dial(t, s, nil)
	subscribe(t, c, "a")
	subscribe(t, c, "b")
	if err := c.Unsubscribe(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	emit(t, c, "a", 1, 2)
	emit(t, c, "b", 2, 3)
	expect(t, c, 2, 3)
}

func TestDrainFlushesAndSaysBye(t *testing.T) {
	s := serve(t, nil)
	emitter, listener := dial(t, s, nil), dial(t, s, nil)
	subscribe(t, listener, "news")
	emit(t, emitter, "news", 1, 5001)
	s.stop()
	expect(t, listener, 1, 5001)
	_, err := listener.Next(t.Context())
	if closed, ok := errors.AsType[*tcpq.ClosedError](err); !ok || closed.Code != framing.CodeShutdown {
		t.Errorf("Next() after the drain = %v, want a shutdown", err)
	}
	if err := emitter.Close(); err != nil {
		t.Errorf("Close() with all acknowledged = %v", err)
	}
	if _, err := emitter.Emit("news", nil); err == nil {
		t.Error("Emit() to a stopped server = nil")
	}
	if st := s.Stats(); st.Connections != 0 || st.Forwarded != 5000 {
		t.Errorf("Stats() = %+v", st)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, &tcpq.Config{FrameLimit: 1000, MaxSubscriptions: 1, MaxConnections: 1})
	c := dial(t, s, nil)
	if _, err := c.Emit("", nil); !errors.Is(err, framing.ErrInvalid) {
		t.Errorf("Emit without a topic = %v, want ErrInvalid", err)
	}
	_, err := c.Emit("news", make([]byte, 1000))
	if size, ok := errors.AsType[*framing.SizeError](err); !ok || size.Limit != 1000 {
		t.Errorf("Emit over the limit = %v, want a SizeError", err)
	}
	subscribe(t, c, "a")
	_, err = c.Subscribe(t.Context(), "b")
	if refused, ok := errors.AsType[*tcpq.RefusedError](err); !ok || refused.Code != framing.CodeLimit {
		t.Errorf("Subscribe over the limit = %v, want a limit", err)
	}
	_, err = tcpq.Dial(t.Context(), s.addr, nil)
	if refused, ok := errors.AsType[*tcpq.RefusedError](err); !ok || refused.Code != framing.CodeLimit {
		t.Errorf("Dial over the limit = %v, want a limit", err)
	}
	emit(t, c, "a", 1, 2)
	expect(t, c, 1, 2)
}

// The largest event fits, stored too, where an offset makes it larger.
func TestLargestEvent(t *testing.T) {
	s := serve(t, nil)
	for _, name := range []string{"", "ada"} {
		c := dial(t, s, &tcpq.ClientConfig{Name: name})
		subscribe(t, c, "a")
		room := framing.DefaultLimit - framing.MinSize - len("a")
		if _, err := c.Emit("a", make([]byte, room)); err != nil {
			t.Fatal(err)
		}
		e, err := c.Next(t.Context())
		if err != nil || len(e.Payload) != room {
			t.Errorf("Next() as %q = %d bytes, %v, want %d", name, len(e.Payload), err, room)
		}
	}
}
