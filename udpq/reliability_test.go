package udpq_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
	"rawlab/udpq/ack"
)

// badly loses, doubles and corrupts so many per cent of all datagrams each.
func (l *link) badly(seed uint64, percent int) {
	r := rand.New(rand.NewPCG(seed, 0))
	l.rule(func(_ bool, b []byte) int {
		hit := func() bool { return r.IntN(100) < percent }
		copies := 1
		if hit() {
			copies = 2
		}
		if hit() {
			copies = 0
		}
		if hit() {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		return copies
	})
}

// balanced fails unless each event on the server has met its fate.
func balanced(t *testing.T, s *udpq.Server) {
	t.Helper()
	st := s.Stats()
	met := st.Forwarded
	for fate, n := range st.Dropped {
		if fate != queue.FateFrameInvalid { // of the wire: no event's
			met += n
		}
	}
	if due := st.Due - st.Dropped[queue.FateFrameInvalid]; due != met {
		t.Errorf("Stats() = %+v: %d fates due, %d met", st, due, met)
	}
}

func TestAckDeliversEverything(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		config := udpq.Config{Policy: queue.Block, OutboxBytes: 1 << 10 << (seed % 12), PackBudget: int(seed%3) * 700}
		inBubble(t, &config, func(t *testing.T, l *link, s *udpq.Server) {
			l.badly(seed, 5)
			client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Unordered: seed%2 == 1, PackBudget: int(seed%4) * 400, Tries: 20}
			listener, emitter := l.connect(t, client), l.connect(t, client)
			subscribe(t, listener, "news")
			const events = 400
			done := make(chan error, 1)
			go func() {
				for n := range events {
					if _, err := emitter.Emit("news", []byte(strconv.Itoa(n))); err != nil {
						done <- err
						return
					}
				}
				done <- emitter.Flush(t.Context())
			}()
			met := make(map[string]bool)
			for n := range events {
				e, err := listener.Next(t.Context())
				if err != nil {
					t.Fatalf("seed %d, event %d: %v", seed, n, err)
				}
				if met[string(e.Payload)] || !client.Unordered && string(e.Payload) != strconv.Itoa(n) {
					t.Fatalf("seed %d: event %d is %q, twice or out of order", seed, n, e.Payload)
				}
				met[string(e.Payload)] = true
			}
			if err := <-done; err != nil {
				t.Errorf("seed %d: emitting: %v", seed, err)
			}
			for _, c := range []*udpq.Client{emitter, listener} {
				if err := c.Close(); err != nil {
					t.Errorf("seed %d: Close() = %v", seed, err)
				}
			}
			if st := emitter.Stats(); st.Retransmits == 0 && client.PackBudget == 0 || st.Unacknowledged != 0 {
				t.Errorf("seed %d: Stats() = %+v, want retransmits and nothing unacknowledged", seed, st)
			}
			balanced(t, s)
		})
	}
}

func TestAckGivesUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, KeepAlive: -1, Origin: 7}
		listener, emitter := l.connect(t, client), l.connect(t, udpq.ClientConfig{})
		subscribe(t, listener, "news")
		l.rule(func(toServer bool, b []byte) int {
			if !toServer && kindOf(b) == framing.KindEvent {
				return 0
			}
			return 1
		})
		const events = 3000
		for n := range events {
			emit(t, emitter, "news", n)
		}
		start := time.Now()
		_, err := listener.Next(t.Context())
		if closed, ok := errors.AsType[*udpq.ClosedError](err); !ok || closed.Code != framing.CodeTimeout || time.Since(start) != ack.DefaultGiveUp {
			t.Errorf("Next() = %v after %v, want a timeout after %v", err, time.Since(start), ack.DefaultGiveUp)
		}
		synctest.Wait()
		balanced(t, s)
		if st := s.Stats(); st.Dropped[queue.FateConnectionLost] == 0 || st.Dropped[queue.FateConnectionLost]+st.Forwarded != events {
			t.Errorf("Stats() = %+v, want each of %d events forwarded or connection-lost", st, events)
		}
		listener.Close()
		emitter.Close()
	})
}

func TestEmitterGivesUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{Reliability: udpq.ReliabilityAck, KeepAlive: -1})
		l.rule(func(bool, []byte) int { return 0 })
		start := time.Now()
		payload := make([]byte, 1000)
		emitted := 0
		for ; ; emitted++ {
			if _, err := c.Emit("news", payload); err != nil {
				if !errors.Is(err, ack.ErrGivenUp) {
					t.Errorf("Emit() = %v, want ErrGivenUp", err)
				}
				break
			}
		}
		if time.Since(start) != ack.DefaultGiveUp || emitted*len(payload) > ack.DefaultBufferBytes {
			t.Errorf("gave up after %v and %d events, want %v and no more than fit %d bytes", time.Since(start), emitted, ack.DefaultGiveUp, ack.DefaultBufferBytes)
		}
		if st := c.Stats(); st.Unacknowledged != emitted {
			t.Errorf("Stats() = %+v, want %d unacknowledged", st, emitted)
		}
		if err := c.Flush(t.Context()); !errors.Is(err, ack.ErrGivenUp) {
			t.Errorf("Flush() = %v, want ErrGivenUp", err)
		}
		c.Close()
	})
}

// A client that starts anew at the same address, under the same origin, is not
// taken for the one before; what bears a number that was accepted from that
// origin is accepted once.
func TestAckAfterRestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Origin: 7}
		for n := range 2 {
			l.mu.Lock()
			l.dialed = 0 // the next has the same address
			l.mu.Unlock()
			c := l.connect(t, client)
			for range n + 1 {
				if _, err := c.Emit("news", nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			l.rule(func(toServer bool, b []byte) int { return 0 }) // it says no bye
			c.Close()
			l.rule(nil)
		}
		synctest.Wait()
		if st := s.Stats(); st.Received != 2 || st.Sessions != 1 {
			t.Errorf("Stats() = %+v, want 2 events received, 1 session", st)
		}
	})
}

// A server that stops sends what waits, without waiting for acks.
func TestAckServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLink(), udpq.NewServer(nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, serverConn{l, l.server}) }()
		client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck}
		listener, emitter := l.connect(t, client), l.connect(t, client)
		subscribe(t, listener, "news")
		const events = 500
		for n := range events {
			emit(t, emitter, "news", n)
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
		for n := range events {
			expect(t, listener, n)
		}
		balanced(t, s)
		listener.Close()
		emitter.Close()
	})
}

func TestParseReliability(t *testing.T) {
	for name, want := range map[string]udpq.Reliability{
		"": "none", "none": "none", "ack": "ack", "fec": "fec:8+2", "fec:4+1x3": "fec:4+1x3",
		"ack:8+2": "", "fec:": "", "fec:8": "", "fec:65+2": "", "nuck": "",
	} {
		if got, err := udpq.ParseReliability(name); got != want || (err != nil) != (want == "") {
			t.Errorf("ParseReliability(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
}

// A server that does not grant the rung is not used as if it had.
func TestRungNotGranted(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		l.rule(func(_ bool, b []byte) int {
			if f, _, err := framing.Parse(b, len(b)); err == nil && f.Kind == framing.KindWelcome {
				f.Topic = []byte("old") // as long as what was granted
				if _, err := f.Append(b[:0:len(b)]); err != nil {
					t.Error(err)
				}
			}
			return 1
		})
		_, err := udpq.Dial(t.Context(), "server", &udpq.ClientConfig{Dial: l.dial, Reliability: udpq.ReliabilityAck})
		if !errors.Is(err, udpq.ErrReliability) {
			t.Errorf("Dial() = %v, want ErrReliability", err)
		}
	})
}
