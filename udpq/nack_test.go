package udpq_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
	"rawlab/udpq/nack"
)

// storing returns a queue that stores a topic.
func storing(t *testing.T, topic string) *queue.Queue {
	t.Helper()
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{topic: queue.PolicyStore}})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// emitAll emits so many events, and waits until nothing of them is open.
func emitAll(t *testing.T, c *udpq.Client, topic string, events int) <-chan error {
	done := make(chan error, 1)
	go func() {
		for n := range events {
			if _, err := c.Emit(topic, []byte(strconv.Itoa(n))); err != nil {
				done <- err
				return
			}
			if n%50 == 49 {
				time.Sleep(time.Millisecond) // of the bubble
			}
		}
		done <- c.Flush(t.Context())
	}()
	return done
}

// receiveAll fails unless so many events come, each once, and in order unless
// it does not matter.
func receiveAll(t *testing.T, c *udpq.Client, events int, unordered bool) {
	t.Helper()
	met := make(map[string]bool)
	for n := range events {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
		if met[string(e.Payload)] || !unordered && string(e.Payload) != strconv.Itoa(n) {
			t.Fatalf("event %d is %q, twice or out of order", n, e.Payload)
		}
		met[string(e.Payload)] = true
	}
}

func TestNackDeliversEverything(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		stored := seed%2 == 0
		config := udpq.Config{OutboxBytes: 1 << 20, PackBudget: int(seed%3) * 700}
		if stored {
			config.Queue = storing(t, "news")
		}
		inBubble(t, &config, func(t *testing.T, l *link, s *udpq.Server) {
			l.badly(seed, 5)
			client := udpq.ClientConfig{Reliability: udpq.ReliabilityNack, Unordered: seed%4 == 1, PackBudget: int(seed%5) * 400, Tries: 20}
			listener, emitter := l.connect(t, client), l.connect(t, client)
			subscribe(t, listener, "news")
			const events = 400
			done := emitAll(t, emitter, "news", events)
			receiveAll(t, listener, events, client.Unordered)
			if err := <-done; err != nil {
				t.Errorf("seed %d: emitting: %v", seed, err)
			}
			if st := emitter.Stats(); st.Sending.Lost != 0 || st.Unacknowledged != 0 || client.PackBudget == 0 && st.Sending.Repaired == 0 {
				t.Errorf("seed %d: %+v, want repairs, and nothing lost or open", seed, st)
			}
			if st := listener.Stats(); st.Missing != 0 && !client.Unordered || st.Receiving.Expired+st.Receiving.GivenUp != 0 {
				t.Errorf("seed %d: %+v, want nothing missing", seed, st)
			}
			for _, c := range []*udpq.Client{emitter, listener} {
				if err := c.Close(); err != nil {
					t.Errorf("seed %d: Close() = %v", seed, err)
				}
			}
			balanced(t, s)
			if st := s.Stats(); stored && st.Repaired == 0 && config.PackBudget == 0 {
				t.Errorf("seed %d: %+v, want events read from the log again", seed, st)
			}
		})
	}
}

// The last of a burst is found to be missing though nothing follows it.
func TestNackFindsTheLast(t *testing.T) {
	for _, stored := range []bool{false, true} {
		config := udpq.Config{}
		if stored {
			config.Queue = storing(t, "news")
		}
		inBubble(t, &config, func(t *testing.T, l *link, _ *udpq.Server) {
			client := udpq.ClientConfig{Reliability: udpq.ReliabilityNack}
			listener, emitter := l.connect(t, client), l.connect(t, client)
			subscribe(t, listener, "news")
			lost := make(map[framing.Kind]int)
			l.rule(func(_ bool, b []byte) int {
				k := kindOf(b)
				if k != framing.KindEmit && k != framing.KindEvent {
					return 1
				}
				if lost[k]++; lost[k] == 3 {
					return 0
				}
				return 1
			})
			start := time.Now()
			for n := range 3 {
				emit(t, emitter, "news", n)
			}
			for n := range 3 {
				expect(t, listener, n)
			}
			if d := time.Since(start); d > 200*time.Millisecond || lost[framing.KindEmit] != 4 {
				t.Errorf("stored %v: took %v, %v sent, want one emit more within 200 ms", stored, d, lost)
			}
			listener.Close()
			emitter.Close()
		})
	}
}

// What is no longer kept is told with its fate, at both ends, in its place.
func TestNackExpires(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		var gaps []udpq.Gap
		var lost []udpq.Lost
		listener := l.connect(t, udpq.ClientConfig{
			Reliability: udpq.ReliabilityNack,
			OnGap:       func(g udpq.Gap) { gaps = append(gaps, g) }, OnLost: func(x udpq.Lost) { lost = append(lost, x) },
		})
		subscribe(t, listener, "news")
		emitter := l.connect(t, udpq.ClientConfig{Origin: 7, Reliability: udpq.ReliabilityNack, Nack: nack.Config{RingBytes: 1000}})
		l.rule(func(toServer bool, b []byte) int {
			if f, _, _ := framing.Parse(b, len(b)); toServer && f.Kind == framing.KindEmit && f.Sequence > 10 && f.Sequence <= 15 {
				return 0
			}
			return 1
		})
		for n := range 100 {
			if _, err := emitter.Emit("news", []byte(strconv.Itoa(n))); err != nil {
				t.Fatal(err)
			}
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for n := range 100 {
			if n < 10 || n >= 15 {
				expect(t, listener, n)
			}
		}
		if st := emitter.Stats(); st.Sending.Expired != 5 || st.Sending.Lost != 5 {
			t.Errorf("emitter: %+v, want 5 expired, and known to be lost", st.Sending)
		}
		if st := s.Stats(); st.Links.Receiving.Expired != 5 || st.Dropped[queue.FateExpired] != 5 || st.Received != 95 {
			t.Errorf("server: %+v, want 5 expired of 100", st)
		}
		if want := (udpq.Gap{Origin: 7, From: 11, To: 16}); len(gaps) != 1 || gaps[0] != want {
			t.Errorf("gaps = %v, want %v", gaps, want)
		}
		if len(lost) != 0 {
			t.Errorf("lost = %v, want nothing: it was lost on its way to the server", lost)
		}
		balanced(t, s)
		listener.Close()
		emitter.Close()
	})
}

// Retention may have trimmed what a subscriber misses: the server says so.
func TestNackOfTrimmedLog(t *testing.T) {
	q, err := queue.New(&queue.Config{
		Topics: map[string]queue.Policy{"news": queue.PolicyStore}, Retention: queue.Retention{Count: 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, &udpq.Config{Queue: q}, func(t *testing.T, l *link, _ *udpq.Server) {
		var lost []udpq.Lost
		listener := l.connect(t, udpq.ClientConfig{Reliability: udpq.ReliabilityNack, OnLost: func(x udpq.Lost) { lost = append(lost, x) }})
		subscribe(t, listener, "news")
		emitter := l.connect(t, udpq.ClientConfig{})
		broken := true
		l.rule(func(toServer bool, b []byte) int {
			f, _, _ := framing.Parse(b, len(b))
			if broken && !toServer && f.Kind == framing.KindEvent && f.Offset > 5 && f.Offset <= 30 {
				return 0
			}
			if broken && toServer && f.Kind == framing.KindNack {
				return 0
			}
			return 1
		})
		for n := range 50 {
			emit(t, emitter, "news", n)
			synctest.Wait()
		}
		l.mu.Lock()
		broken = false
		l.mu.Unlock()
		for n := range 50 {
			if n < 5 || n >= 30 {
				expect(t, listener, n)
			}
		}
		if want := (udpq.Lost{Topic: "news", From: 6, To: 31}); len(lost) != 1 || lost[0] != want {
			t.Errorf("lost = %+v, want %+v", lost, want)
		}
		listener.Close()
		emitter.Close()
	})
}

// What never comes, however often it is asked for, is given up after a while.
func TestNackGivesUp(t *testing.T) {
	inBubble(t, &udpq.Config{Nack: nack.Config{RingAge: time.Minute}}, func(t *testing.T, l *link, _ *udpq.Server) {
		var lost []udpq.Lost
		listener := l.connect(t, udpq.ClientConfig{Reliability: udpq.ReliabilityNack, OnLost: func(x udpq.Lost) { lost = append(lost, x) }})
		subscribe(t, listener, "news")
		emitter := l.connect(t, udpq.ClientConfig{})
		l.rule(func(toServer bool, b []byte) int {
			if f, _, _ := framing.Parse(b, len(b)); !toServer && f.Kind == framing.KindEvent && f.Sequence == 2 {
				return 0
			}
			return 1
		})
		start := time.Now()
		for n := 1; n < 4; n++ {
			emit(t, emitter, "news", n)
		}
		expect(t, listener, 1)
		expect(t, listener, 3)
		if d := time.Since(start); d < 5*time.Second || d > 30*time.Second {
			t.Errorf("given up after %v, want about 10 s", d)
		}
		if len(lost) != 1 || !lost[0].GivenUp || lost[0].Topic != "" || lost[0].To != lost[0].From+1 {
			t.Errorf("lost = %+v, want one datagram given up", lost)
		}
		if st := listener.Stats(); st.Missing != 1 || st.Receiving.GivenUp != 1 {
			t.Errorf("%+v, want one missing", st)
		}
		listener.Close()
		emitter.Close()
	})
}

// An emitter whose server has gone does not wait for it for ever, and knows
// what nobody has said anything of.
func TestNackNobodyAnswers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{Reliability: udpq.ReliabilityNack, KeepAlive: -1})
		l.rule(func(bool, []byte) int { return 0 })
		start := time.Now()
		for range 20_000 {
			if _, err := c.Emit("news", nil); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("emitting took %v, want no waiting", d)
		}
		err := c.Flush(t.Context())
		if d := time.Since(start); !errors.Is(err, nack.ErrUnanswered) || d < 5*time.Second || d > 15*time.Second {
			t.Errorf("Flush() = %v after %v, want ErrUnanswered after about 10 s", err, d)
		}
		if st := c.Stats(); st.Unacknowledged != 20_000 {
			t.Errorf("%+v, want 20000 that nothing was said of", st)
		}
		c.Close()
	})
}

// A named client that comes back goes on where it was, and misses nothing
// that was lost on the way to it before.
func TestNackAfterReturn(t *testing.T) {
	q := storing(t, "news")
	inBubble(t, &udpq.Config{Queue: q}, func(t *testing.T, l *link, _ *udpq.Server) {
		client := udpq.ClientConfig{Name: "ada", Reliability: udpq.ReliabilityNack}
		ada := l.connect(t, client)
		subscribe(t, ada, "news")
		l.badly(1, 5) // ten questions in vain are the end of an event: with 10 % that happens, once in 500 runs
		emitter := l.connect(t, udpq.ClientConfig{Reliability: udpq.ReliabilityNack, Tries: 20})
		const events = 600
		done := emitAll(t, emitter, "news", events)
		next := 0
		for round := range 3 {
			for range events / 4 {
				expect(t, ada, next)
				next++
			}
			if round == 1 {
				l.rule(func(bool, []byte) int { return 0 }) // it goes without a word
			}
			ada.Close()
			l.badly(uint64(round), 5)
			client.Tries = 20
			ada = l.connect(t, client)
			receipt, err := ada.Subscribe(t.Context(), "news")
			if err != nil {
				t.Fatal(err)
			}
			next = int(receipt.From) - 1 // the last was not acknowledged
		}
		for ; next < events; next++ {
			expect(t, ada, next)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		ada.Close()
		emitter.Close()
	})
}
