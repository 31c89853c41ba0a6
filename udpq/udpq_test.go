package udpq_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// server is a server on loopback that stops with the test.
type server struct {
	*udpq.Server
	addr string
	stop func() // drains and waits
}

func serve(t testing.TB, c *udpq.Config) *server {
	t.Helper()
	conn, err := udpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &server{Server: udpq.NewServer(c), addr: conn.LocalAddr().String()}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn) }()
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

func dial(t *testing.T, s *server, c *udpq.ClientConfig) *udpq.Client {
	t.Helper()
	client, err := udpq.Dial(t.Context(), s.addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func subscribe(t *testing.T, c *udpq.Client, topic string) udpq.Receipt {
	t.Helper()
	r, err := c.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// exchange emits the numbers from to to one by one, each taken by listener
// before the next leaves, so that no socket buffer can overflow.
func exchange(t *testing.T, emitter, listener *udpq.Client, topic string, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		emit(t, emitter, topic, n)
		expect(t, listener, n)
	}
}

func emit(t *testing.T, c *udpq.Client, topic string, n int) {
	t.Helper()
	if _, err := c.Emit(topic, fmt.Append(nil, n)); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c *udpq.Client, n int) udpq.Event {
	t.Helper()
	e, err := c.Next(t.Context())
	if err != nil {
		t.Fatalf("Next() = %v, want event %d", err, n)
	}
	if string(e.Payload) != fmt.Sprint(n) {
		t.Fatalf("Next() = %q, want %d", e.Payload, n)
	}
	return e
}

func TestEmitReachesSubscribers(t *testing.T) {
	for name, pack := range map[string]int{"one event per datagram": 0, "packed": 1400} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &udpq.Config{PackBudget: pack})
			emitter := dial(t, s, &udpq.ClientConfig{Origin: 7, PackBudget: pack})
			listener := dial(t, s, nil)
			subscribe(t, listener, "news")
			emit(t, emitter, "news", 1)
			if e := expect(t, listener, 1); e.Origin != 7 || e.Sequence != 1 || e.Topic != "news" {
				t.Errorf("Next() = %+v, want (7, 1) of news", e)
			}
			exchange(t, emitter, listener, "news", 2, 200)
			st := listener.Stats()
			if st.Delivered != 199 || st.Gaps+st.Duplicates+st.Reordered+st.Invalid != 0 {
				t.Errorf("client's Stats() = %+v", st)
			}
			s.stop() // the counter may lag behind the event
			if st := s.Stats(); st.Received != 199 || st.Forwarded != 199 || len(st.Dropped) > 0 || st.Accepted != 2 {
				t.Errorf("Stats() = %+v", st)
			}
		})
	}
}

func TestPackedEventsLeaveByThemselves(t *testing.T) {
	s := serve(t, nil)
	c := dial(t, s, &udpq.ClientConfig{PackBudget: 1400})
	subscribe(t, c, "news")
	for n := range 3 {
		if _, err := c.Emit("news", fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		expect(t, c, n) // without Flush
	}
}

func TestTopicsAreNumberedApart(t *testing.T) {
	s := serve(t, nil)
	emitter, listener := dial(t, s, nil), dial(t, s, nil)
	subscribe(t, listener, "b")
	for n := range 50 {
		emit(t, emitter, "a", n)
		emit(t, emitter, "b", n)
		if e := expect(t, listener, n); e.Missed > 0 {
			t.Fatalf("event %d of topic b: Missed = %d, though only topic a came between", n, e.Missed)
		}
	}
}

func TestNamedClientComesBack(t *testing.T) {
	s := serve(t, &udpq.Config{ReplayWindow: 4})
	emitter := dial(t, s, nil)
	ada := dial(t, s, &udpq.ClientConfig{Name: "ada"})
	subscribe(t, ada, "news")
	exchange(t, emitter, ada, "news", 1, 6)
	if err := ada.Close(); err != nil {
		t.Fatal(err)
	}
	for n := 6; n < 50; n++ {
		emit(t, emitter, "news", n)
	}
	observer := dial(t, s, nil) // its receipt says that all has been stored
	subscribe(t, observer, "news")
	ada = dial(t, s, &udpq.ClientConfig{Name: "ada"})
	if r := subscribe(t, ada, "news"); r.From != 6 || r.To != 50 || r.Replayed != 44 {
		t.Errorf("receipt = %+v, want [6, 50) replayed", r)
	}
	for n := 6; n < 50; n++ {
		if e := expect(t, ada, n); !e.Replayed || e.Offset != uint64(n) {
			t.Errorf("Next() = %+v, want a replay of offset %d", e, n)
		}
	}
	exchange(t, emitter, ada, "news", 50, 53)
}

func TestDrainFlushesAndSaysBye(t *testing.T) {
	s := serve(t, nil)
	emitter, listener := dial(t, s, nil), dial(t, s, nil)
	subscribe(t, listener, "news")
	exchange(t, emitter, listener, "news", 1, 10)
	s.stop()
	_, err := listener.Next(t.Context())
	if closed, ok := errors.AsType[*udpq.ClosedError](err); !ok || closed.Code != framing.CodeShutdown {
		t.Errorf("Next() after the drain = %v, want a shutdown", err)
	}
	if st := s.Stats(); st.Sessions != 0 || st.Forwarded != 9 {
		t.Errorf("Stats() = %+v", st)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, &udpq.Config{MaxSessions: 1, MaxSubscriptions: 1})
	c := dial(t, s, nil)
	_, err := c.Emit("news", make([]byte, udpq.MaxEmit))
	if size, ok := errors.AsType[*framing.SizeError](err); !ok || size.Limit != udpq.MaxEmit {
		t.Errorf("Emit over the limit = %v, want a SizeError", err)
	}
	subscribe(t, c, "a")
	_, err = c.Subscribe(t.Context(), "b")
	if refused, ok := errors.AsType[*udpq.RefusedError](err); !ok || refused.Code != framing.CodeLimit {
		t.Errorf("Subscribe over the limit = %v, want a limit", err)
	}
	_, err = udpq.Dial(t.Context(), s.addr, nil)
	if refused, ok := errors.AsType[*udpq.RefusedError](err); !ok || refused.Code != framing.CodeLimit {
		t.Errorf("Dial over the limit = %v, want a limit", err)
	}
}

// The largest event fits, stored too, where an offset makes it larger.
func TestLargestEvent(t *testing.T) {
	s := serve(t, nil)
	for _, name := range []string{"", "ada"} {
		c := dial(t, s, &udpq.ClientConfig{Name: name})
		subscribe(t, c, "a")
		room := udpq.MaxEmit - (&framing.Frame{Flags: framing.FlagCRC}).Size() - len("a")
		if _, err := c.Emit("a", make([]byte, room)); err != nil {
			t.Fatal(err)
		}
		e, err := c.Next(t.Context())
		if err != nil || len(e.Payload) != room {
			t.Errorf("Next() as %q = %d bytes, %v, want %d", name, len(e.Payload), err, room)
		}
	}
}

func TestGarbageAndStrangers(t *testing.T) {
	s := serve(t, nil)
	c := dial(t, s, nil)
	subscribe(t, c, "a")
	stranger := dialRaw(t, s)
	garbage := [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), make([]byte, 40), {0xff, 0xff, 0xff, 0xff}}
	for _, b := range garbage {
		stranger.write(t, b)
	}
	stranger.write(t, frame(t, framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 1, Topic: []byte("a")}))
	answer := stranger.read(t)
	if answer.Kind != framing.KindError || answer.Code != framing.CodeUnauthorized {
		t.Errorf("a stranger's emit is answered with %v %v, want error unauthorized", answer.Kind, answer.Code)
	}
	exchange(t, c, c, "a", 1, 4)
	st := s.Stats()
	if st.Invalid != 3 || st.Dropped[queue.FateUnauthorized] != 1 || st.Received != 3 {
		t.Errorf("Stats() = %+v, want 3 invalid, 1 unauthorized, 3 received", st)
	}
}

func TestDialNobody(t *testing.T) {
	s := serve(t, nil)
	s.stop()
	_, err := udpq.Dial(t.Context(), s.addr, &udpq.ClientConfig{RetryInterval: 1e6, Tries: 4})
	if !errors.Is(err, udpq.ErrNobody) && !errors.Is(err, udpq.ErrNoAnswer) {
		t.Errorf("Dial() = %v, want ErrNobody or ErrNoAnswer", err)
	}
}
