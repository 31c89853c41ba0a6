package udpq_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
	"rawlab/udpq/fec"
)

var withFEC = udpq.ClientConfig{Reliability: udpq.ReliabilityFEC, Tries: 20}

// isData reports whether a datagram carries events or parity.
func isData(b []byte) bool {
	_, _, found, _ := fec.Split(b)
	return found
}

// Of any ten datagrams in a row two may be lost, in both directions, and every
// event comes once, in order.
func TestFECRepairs(t *testing.T) {
	for _, pack := range []int{0, 300, 1200} {
		for _, unordered := range []bool{false, true} {
			inBubble(t, &udpq.Config{PackBudget: pack}, func(t *testing.T, l *link, s *udpq.Server) {
				r, in, lost := rand.New(rand.NewPCG(uint64(pack), 0)), [2]int{}, [2][2]int{{-10, -10}, {-10, -10}}
				l.rule(func(toServer bool, b []byte) int {
					way := 0
					if toServer {
						way = 1
					}
					if !isData(b) {
						return 1
					}
					in[way]++
					if in[way]-lost[way][0] < 10 || r.IntN(3) > 0 {
						return 1
					}
					lost[way] = [2]int{lost[way][1], in[way]}
					return 0
				})
				config := withFEC
				config.PackBudget, config.Unordered = pack, unordered
				listener, emitter := l.connect(t, config), l.connect(t, config)
				subscribe(t, listener, "news")
				const events = 2000
				for n := range events {
					if _, err := emitter.Emit("news", []byte(strconv.Itoa(n))); err != nil {
						t.Fatal(err)
					}
				}
				if err := emitter.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				met := make([]bool, events)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for n := range events {
					e, err := listener.Next(ctx)
					if err != nil {
						t.Fatal(err)
					}
					number, _ := strconv.Atoi(string(e.Payload))
					if met[number] || !unordered && number != n {
						t.Fatalf("pack %d, unordered %v: event %d came as %d, twice or out of order", pack, unordered, number, n)
					}
					met[number] = true
				}
				listener.Close()
				emitter.Close()
				synctest.Wait()
				sent, came, links := emitter.Stats(), listener.Stats(), s.Stats().Links
				if sent.FEC.Parity == 0 || came.FEC.Repaired == 0 || came.FEC.Unrepaired != 0 || links.FEC.Repaired == 0 || links.FEC.Parity == 0 || links.FEC.Unrepaired != 0 {
					t.Errorf("pack %d: emitter %+v, listener %+v, server %+v, want repairs and nothing given up", pack, sent, came, links)
				}
				if came.Missing != 0 {
					t.Errorf("pack %d: %d missing, want none", pack, came.Missing)
				}
				balanced(t, s)
			})
		}
	}
}

// What parity does not suffice for is told as a gap, once, and what follows
// comes after fec.DefaultWait.
func TestFECGap(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		listener, emitter := l.connect(t, withFEC), l.connect(t, udpq.ClientConfig{})
		subscribe(t, listener, "news")
		n := 0
		l.rule(func(toServer bool, b []byte) int {
			if toServer || !isData(b) {
				return 1
			}
			if n++; n > 4 && n <= 7 {
				return 0
			}
			return 1
		})
		const events = 16
		for n := range events {
			emit(t, emitter, "news", n)
		}
		start, missed := time.Now(), uint64(0)
		for n := 0; n < events; n++ {
			e, err := listener.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n == 4 {
				n, missed = 7, e.Missed
				if took := time.Since(start); took != fec.DefaultWait {
					t.Errorf("event 7 came after %v, want %v", took, fec.DefaultWait)
				}
			} else if e.Missed != 0 {
				t.Errorf("event %d: %d missed again", n, e.Missed)
			}
			if string(e.Payload) != strconv.Itoa(n) {
				t.Errorf("event %q came, want %d", e.Payload, n)
			}
		}
		synctest.Wait()
		if st := listener.Stats(); missed != 3 || st.FEC.Unrepaired != 3 || st.Missing != 3 {
			t.Errorf("%d missed, Stats() = %+v, want 3 missed, unrepaired and missing", missed, st)
		}
		listener.Close()
		emitter.Close()
	})
}

// Over a wire that does everything wrong each event comes once at most, in
// order, and what did not come was told as missed.
func TestFECOverBadWire(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		config := udpq.Config{Policy: queue.Block, OutboxBytes: 1 << 10 << (seed % 12), PackBudget: int(seed%3) * 700}
		inBubble(t, &config, func(t *testing.T, l *link, s *udpq.Server) {
			client := withFEC
			client.PackBudget, client.Reliability = int(seed%4)*400, []udpq.Reliability{"fec", "fec:4+1", "fec:4+2x3"}[seed%3]
			listener, emitter := l.connect(t, client), l.connect(t, client)
			subscribe(t, listener, "news")
			emit(t, emitter, "news", 0)
			expect(t, listener, 0)
			l.badly(seed, 5)
			const events = 400
			for n := range events - 2 {
				if _, err := emitter.Emit("news", []byte(strconv.Itoa(n+1))); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			l.rule(nil)
			emit(t, emitter, "news", events-1)
			next, missed := 1, uint64(0)
			for next < events {
				e, err := listener.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				number, _ := strconv.Atoi(string(e.Payload))
				if number < next || number != next+int(e.Missed) || e.Late || e.Duplicate {
					t.Fatalf("seed %d: event %d came with %d missed, want %d", seed, number, e.Missed, next)
				}
				next, missed = number+1, missed+e.Missed
			}
			synctest.Wait() // what Next has returned is counted a moment later
			if st := listener.Stats(); st.Missing != missed || st.Delivered != events-missed {
				t.Errorf("seed %d: Stats() = %+v, want %d missing, the other %d delivered", seed, st, missed, events-missed)
			}
			if err := errors.Join(listener.Close(), emitter.Close()); err != nil {
				t.Errorf("seed %d: Close() = %v", seed, err)
			}
			synctest.Wait()
			balanced(t, s)
		})
	}
}

// A server that stops sends what waits, parity included.
func TestFECServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLink(), udpq.NewServer(nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, serverConn{l, l.server}) }()
		listener, emitter := l.connect(t, withFEC), l.connect(t, withFEC)
		subscribe(t, listener, "news")
		lost := false
		l.rule(func(toServer bool, b []byte) int {
			if !toServer && !lost && isData(b) {
				lost = true
				return 0
			}
			return 1
		})
		emit(t, emitter, "news", 0)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
		expect(t, listener, 0)
		listener.Close()
		emitter.Close()
	})
}

// A code out of bounds is refused, by the client itself and by the server.
func TestFECBounds(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		_, err := udpq.Dial(t.Context(), "server", &udpq.ClientConfig{Dial: l.dial, Reliability: "fec:65+2"})
		if !errors.Is(err, fec.ErrParams) {
			t.Errorf("Dial() = %v, want ErrParams", err)
		}
		l.rule(func(toServer bool, b []byte) int {
			if f, _, err := framing.Parse(b, len(b)); toServer && err == nil && f.Kind == framing.KindHello {
				f.Topic = []byte(strings.Replace(string(f.Topic), "8+2", "8+0", 1))
				if _, err := f.Append(b[:0:len(b)]); err != nil {
					t.Error(err)
				}
			}
			return 1
		})
		_, err = udpq.Dial(t.Context(), "server", &udpq.ClientConfig{Dial: l.dial, Reliability: "fec:8+2"})
		if refused, ok := errors.AsType[*udpq.RefusedError](err); !ok || refused.Code != framing.CodeLimit || !strings.Contains(refused.Words, "fec:64+16") {
			t.Errorf("Dial() = %v, want a refusal that names the bounds", err)
		}
		if st := s.Stats(); st.Sessions != 0 {
			t.Errorf("Stats() = %+v, want no session", st)
		}
	})
}
