package udpq_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

func TestRequestsAreRepeated(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		lost := make(map[framing.Kind]int)
		l.rule(func(_ bool, b []byte) int { // of every kind the first two are lost
			k := kindOf(b)
			if lost[k]++; lost[k] <= 2 && k != framing.KindEmit && k != framing.KindEvent {
				return 0
			}
			return 1
		})
		c := l.connect(t, udpq.ClientConfig{})
		subscribe(t, c, "news")
		emit(t, c, "news", 1)
		expect(t, c, 1)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Accepted != 1 {
			t.Errorf("Stats() = %+v, want one session for all hellos", st)
		}
	})
}

func TestRequestsEnd(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		l.rule(func(bool, []byte) int { return 0 })
		start := time.Now()
		_, err := udpq.Dial(t.Context(), "server", &udpq.ClientConfig{Dial: l.dial, RetryInterval: time.Second, Tries: 4})
		if want := (1 + 2 + 3 + 3) * time.Second; !errors.Is(err, udpq.ErrNoAnswer) || time.Since(start) != want {
			t.Errorf("Dial() = %v after %v, want ErrNoAnswer after %v", err, time.Since(start), want)
		}
	})
}

func TestSubscribeTwiceIsOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		l.rule(func(toServer bool, b []byte) int { // every subscribe comes twice
			if kindOf(b) == framing.KindSubscribe {
				return 2
			}
			return 1
		})
		c := l.connect(t, udpq.ClientConfig{})
		subscribe(t, c, "news")
		emit(t, c, "news", 1)
		expect(t, c, 1)
		synctest.Wait()
		if st := c.Stats(); st.Delivered != 1 {
			t.Errorf("Stats() = %+v, want 1 delivered", st)
		}
		c.Close()
	})
}

// What the wire loses, doubles and holds back, the subscriber is told.
func TestSubscriberSeesWhatTheWireDid(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		var held []byte
		l.rule(func(toServer bool, b []byte) int {
			f, _, _ := framing.Parse(b, len(b))
			switch {
			case toServer || f.Kind != framing.KindEvent:
				return 1
			case f.Sequence == 3 || f.Sequence == 4:
				return 0
			case f.Sequence == 6:
				return 2
			case f.Sequence == 8 && held == nil:
				held = append(held, b...)
				return 0
			}
			return 1
		})
		var gaps []udpq.Gap
		listener := l.connect(t, udpq.ClientConfig{OnGap: func(g udpq.Gap) { gaps = append(gaps, g) }})
		subscribe(t, listener, "news")
		emitter := l.connect(t, udpq.ClientConfig{Origin: 7})
		for n := 1; n < 10; n++ {
			emit(t, emitter, "news", n)
		}
		synctest.Wait()
		l.carry(l.clients[firstClient.String()], held, nil)
		var got []udpq.Event
		for range 8 {
			e, err := listener.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, udpq.Event{Sequence: e.Sequence, Missed: e.Missed, Late: e.Late, Duplicate: e.Duplicate})
		}
		want := []udpq.Event{
			{Sequence: 1}, {Sequence: 2}, {Sequence: 5, Missed: 2}, {Sequence: 6}, {Sequence: 6, Duplicate: true},
			{Sequence: 7}, {Sequence: 9, Missed: 1}, {Sequence: 8, Late: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if want := []udpq.Gap{{Origin: 7, From: 3, To: 5}, {Origin: 7, From: 8, To: 9}}; !cmp.Equal(gaps, want) {
			t.Errorf("gaps = %v, want %v", gaps, want)
		}
		st := listener.Stats()
		if st.Delivered != 8 || st.Duplicates != 1 || st.Gaps != 2 || st.Reordered != 1 || st.Missing != 2 {
			t.Errorf("Stats() = %+v", st)
		}
		emitter.Close()
		listener.Close()
	})
}

func TestSilentSessionExpires(t *testing.T) {
	inBubble(t, &udpq.Config{IdleTimeout: 40 * time.Second}, func(t *testing.T, l *link, s *udpq.Server) {
		quiet := l.connect(t, udpq.ClientConfig{KeepAlive: -1})
		alive := l.connect(t, udpq.ClientConfig{})
		time.Sleep(2 * time.Minute)
		if st := s.Stats(); st.Sessions != 1 {
			t.Errorf("Stats() = %+v, want the one session that pings", st)
		}
		_, err := quiet.Next(t.Context())
		if closed, ok := errors.AsType[*udpq.ClosedError](err); !ok || closed.Code != framing.CodeTimeout {
			t.Errorf("Next() = %v, want a timeout", err)
		}
		quiet.Close()
		alive.Close()
	})
}

func TestSilentServerIsNoticed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{KeepAlive: time.Second})
		time.Sleep(time.Minute)
		l.rule(func(bool, []byte) int { return 0 })
		start := time.Now()
		_, err := c.Next(t.Context())
		if took := time.Since(start); !errors.Is(err, udpq.ErrSilent) || took > 5*time.Second {
			t.Errorf("Next() = %v after %v, want ErrSilent within 5 s", err, took)
		}
		if _, err := c.Emit("news", nil); !errors.Is(err, udpq.ErrSilent) {
			t.Errorf("Emit() = %v, want ErrSilent", err)
		}
		c.Close()
	})
}

// A replay keeps no more on the way than its window, and goes on without
// acks only after a while.
func TestReplayWindow(t *testing.T) {
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, &udpq.Config{Queue: q, ReplayWindow: 10}, func(t *testing.T, l *link, _ *udpq.Server) {
		emitter := l.connect(t, udpq.ClientConfig{})
		for n := range 35 {
			emit(t, emitter, "news", n)
		}
		synctest.Wait()
		l.rule(func(_ bool, b []byte) int {
			if kindOf(b) == framing.KindAck {
				return 0
			}
			return 1
		})
		c := l.connect(t, udpq.ClientConfig{})
		start := time.Now()
		if _, err := c.SubscribeFrom(t.Context(), "news", framing.Subscribe{Epoch: q.Epoch(), Offset: 1}); err != nil {
			t.Fatal(err)
		}
		for n := range 35 {
			expect(t, c, n)
			if waits := time.Since(start) / (250 * time.Millisecond); int(waits) != n/10 {
				t.Fatalf("event %d came after %v, want 10 every 250 ms", n, time.Since(start))
			}
		}
		emitter.Close()
		c.Close()
	})
}

// A client that comes back from another address gets its events there.
func TestAddressChange(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		before := l.connect(t, udpq.ClientConfig{Name: "ada"})
		subscribe(t, before, "news")
		after := l.connect(t, udpq.ClientConfig{Name: "ada"})
		subscribe(t, after, "news")
		if _, err := before.Next(t.Context()); err == nil {
			t.Error("Next() at the old address = nil")
		}
		emit(t, after, "news", 1)
		expect(t, after, 1)
		synctest.Wait()
		if st := s.Stats(); st.Sessions != 1 {
			t.Errorf("Stats() = %+v, want 1 session", st)
		}
		before.Close()
		after.Close()
	})
}

// A client of a server that has forgotten it is told so by its next answer.
func TestForgottenSession(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		key := uint64(0)
		l.rule(func(_ bool, b []byte) int {
			if f, _, err := framing.Parse(b, len(b)); err == nil && f.Kind == framing.KindWelcome {
				key = f.Offset
			}
			return 1
		})
		c := l.connect(t, udpq.ClientConfig{KeepAlive: time.Second})
		bye := frame(t, framing.Frame{Kind: framing.KindBye, Flags: framing.FlagOffset, Offset: key})
		l.rule(func(toServer bool, b []byte) int { // the server's bye is lost
			if !toServer && kindOf(b) == framing.KindBye {
				return 0
			}
			return 1
		})
		l.carry(l.server, bye, firstClient)
		_, err := c.Next(t.Context())
		if closed, ok := errors.AsType[*udpq.ClosedError](err); !ok || closed.Code != framing.CodeUnauthorized {
			t.Errorf("Next() = %v, want unauthorized", err)
		}
		c.Close()
	})
}
