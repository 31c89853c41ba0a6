package udpq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// stored is a server's config with a topic that is kept.
func stored() *udpq.Config {
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	if err != nil {
		panic(err)
	}
	return &udpq.Config{Queue: q}
}

// rungConfigs are clients of every rung there is.
func rungConfigs() map[string]udpq.ClientConfig {
	configs := make(map[string]udpq.ClientConfig)
	for _, name := range udpq.Reliabilities() {
		configs[name] = udpq.ClientConfig{Reliability: udpq.Reliability(name), KeepAlive: time.Second}
	}
	return configs
}

// mayRepeat reports whether a rung knows nothing of what has come, so that a
// server sends all again that may have gone to an old address.
func mayRepeat(c *udpq.ClientConfig) bool {
	return c.Reliability == udpq.ReliabilityNone || c.Reliability == udpq.ReliabilityFEC
}

// expectAll expects events 0 to n−1 of a stored topic, in order; with again
// they may come again, and what was lost with the old address late. After each
// it calls after.
func expectAll(t *testing.T, c *udpq.Client, n int, again bool, after func(int)) {
	t.Helper()
	for met := make(map[int]bool); len(met) < n; {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("after %d events: %v", len(met), err)
		}
		switch number, _ := strconv.Atoi(string(e.Payload)); {
		case number != len(met) && !again:
			t.Fatalf("event %d came, want %d", number, len(met))
		case !met[number]:
			met[number] = true
			after(number)
		case !e.Redelivered:
			t.Fatalf("event %d came again, not as redelivered", number)
		}
	}
}

// A listener and an emitter get other sockets in mid-stream, and no stored
// event is lost; with acknowledgements none comes twice either.
func TestRebind(t *testing.T) {
	for name, config := range rungConfigs() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, stored(), func(t *testing.T, l *link, s *udpq.Server) {
				const events, every = 300, 50
				listen := config
				listen.Name = "ada"
				listener, emitter := l.connect(t, listen), l.connect(t, config)
				subscribe(t, listener, "news")
				before := listener.LocalAddr().String()
				done := make(chan error, 1)
				go func() {
					for n := range events {
						if _, err := emitter.Emit("news", []byte(strconv.Itoa(n))); err != nil {
							done <- err
							return
						}
						if n%every == every/2 {
							if err := emitter.Rebind(t.Context()); err != nil {
								done <- err
								return
							}
						}
						time.Sleep(time.Millisecond)
					}
					done <- emitter.Flush(t.Context())
				}()
				expectAll(t, listener, events, mayRepeat(&config), func(n int) {
					if n%every == 0 {
						if err := listener.Rebind(t.Context()); err != nil {
							t.Errorf("Rebind() = %v", err)
						}
					}
				})
				if err := <-done; err != nil {
					t.Error(err)
				}
				if listener.LocalAddr().String() == before {
					t.Error("the listener has its first address still")
				}
				moves := listener.Stats().Moves + emitter.Stats().Moves
				if st := s.Stats(); st.Sessions != 2 || st.Accepted != 2 || st.Moved != moves || moves != 2*events/every || st.Received != events {
					t.Errorf("Stats() = %+v, want 2 sessions, %d events and %d moves", st, events, 2*events/every)
				}
				time.Sleep(10 * time.Minute) // alive still
				if _, err := emitter.Emit("news", []byte(strconv.Itoa(events))); err != nil {
					t.Error(err)
				}
				expect(t, listener, events)
				emitter.Close()
				listener.Close()
				synctest.Wait()
				balanced(t, s)
				if st := s.Stats(); st.Sessions != 0 {
					t.Errorf("Stats() = %+v, want no session after byes", st)
				}
			})
		})
	}
}

// A NAT gives a client another address, of which it does not know, and a
// network that it leaves takes its socket with it. Both are found by itself.
func TestClientFindsItself(t *testing.T) {
	for name, config := range rungConfigs() {
		for what, outside := range map[string]*net.UDPAddr{"another address": {IP: net.IPv4(192, 0, 2, 1), Port: 5}, "no way out": nil} {
			t.Run(name+", "+what, func(t *testing.T) {
				inBubble(t, stored(), func(t *testing.T, l *link, s *udpq.Server) {
					const events = 100
					listen := config
					listen.Name = "ada"
					listener, emitter := l.connect(t, listen), l.connect(t, udpq.ClientConfig{})
					subscribe(t, listener, "news")
					for n := range events {
						emit(t, emitter, "news", n)
						if n == events/2 {
							synctest.Wait()
							l.rebind(listener.LocalAddr(), outside)
						}
					}
					start := time.Now()
					expectAll(t, listener, events, mayRepeat(&config), func(int) {})
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("it took %v, with a ping every second", took)
					}
					if st := s.Stats(); st.Sessions != 2 || st.Accepted != 2 || st.Moved != 1 {
						t.Errorf("Stats() = %+v, want 2 sessions, one moved", st)
					}
					listener.Close()
					emitter.Close()
					synctest.Wait()
					balanced(t, s)
				})
			})
		}
	}
}

// An emitter behind a NAT that changes loses nothing with acknowledgements.
func TestEmitterBehindNAT(t *testing.T) {
	inBubble(t, stored(), func(t *testing.T, l *link, s *udpq.Server) {
		const events = 200
		config := udpq.ClientConfig{Reliability: udpq.ReliabilityAck}
		listener, emitter := l.connect(t, config), l.connect(t, config)
		subscribe(t, listener, "news")
		for n := range events {
			if n%50 == 25 {
				l.rebind(emitter.LocalAddr(), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: n})
			}
			emit(t, emitter, "news", n)
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectAll(t, listener, events, false, func(int) {})
		if st := s.Stats(); st.Received != events || st.Accepted != 2 {
			t.Errorf("Stats() = %+v, want each of %d events once", st, events)
		}
		emitter.Close()
		listener.Close()
	})
}

// Another client gets the address that one had which is gone.
func TestAddressPassesOn(t *testing.T) {
	for name, config := range rungConfigs() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, stored(), func(t *testing.T, l *link, s *udpq.Server) {
				gone, heir := l.connect(t, config), l.connect(t, config)
				listener := l.connect(t, udpq.ClientConfig{})
				subscribe(t, listener, "news")
				addr := gone.LocalAddr().(*net.UDPAddr)
				l.rebind(addr, nil)
				l.rebind(heir.LocalAddr(), addr)
				time.Sleep(3 * time.Second) // a ping
				emit(t, heir, "news", 1)
				expect(t, listener, 1)
				if st := s.Stats(); st.Moved == 0 || st.Dropped[queue.FateUnauthorized] != 0 {
					t.Errorf("Stats() = %+v, want it moved and nothing lost", st)
				}
				for _, c := range []*udpq.Client{gone, heir, listener} {
					c.Close()
				}
			})
		})
	}
}

// move returns the datagram by which a session would be moved.
func move(t *testing.T, origin, born, cookie uint64, proof []byte) []byte {
	return frame(t, framing.Frame{
		Kind: framing.KindMove, Flags: framing.FlagOffset, Origin: origin, Sequence: 9, Time: born, Offset: cookie, Payload: proof,
	})
}

// Who cannot prove that a session is its own moves nothing, whatever it has
// read on the way.
func TestForgedMove(t *testing.T) {
	inBubble(t, stored(), func(t *testing.T, l *link, s *udpq.Server) {
		var seen framing.Frame
		l.rule(func(_ bool, b []byte) int {
			if f, _, err := framing.Parse(b, len(b)); err == nil && f.Kind == framing.KindMove {
				seen = f.Clone()
			}
			return 1
		})
		c := l.connect(t, udpq.ClientConfig{Name: "ada"})
		subscribe(t, c, "news")
		if err := c.Rebind(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.rule(nil)
		evil := &net.UDPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 1}
		there := l.plug(evil)
		asked := move(t, seen.Origin, seen.Time, 0, make([]byte, 16))
		l.carry(l.server, asked, evil)
		if f := there.one(t); f.Code != framing.CodeRetry || f.Size() > len(asked) {
			t.Errorf("%d bytes without a cookie are answered by %+v, want a retry that is no larger", len(asked), f)
		}
		cookie := s.CookieFor(evil)
		for what, b := range map[string][]byte{
			"replayed":             move(t, seen.Origin, seen.Time, seen.Offset, seen.Payload),
			"its proof replayed":   move(t, seen.Origin, seen.Time, cookie, seen.Payload),
			"of a key of zero":     move(t, seen.Origin, seen.Time, cookie, udpq.ProofOf(0, cookie)),
			"of no session":        move(t, seen.Origin, seen.Time+1, cookie, seen.Payload),
			"without a proof":      move(t, seen.Origin, seen.Time, cookie, nil),
			"with a longer proof":  move(t, seen.Origin, seen.Time, cookie, append(seen.Payload, 0)),
			"to where it is, late": move(t, seen.Origin, seen.Time, seen.Offset^1, seen.Payload),
		} {
			l.carry(l.server, b, evil)
			synctest.Wait()
			for _, f := range there.frames(t) {
				if f.Kind != framing.KindError || f.Size() > 3*len(b) {
					t.Errorf("a move %s is answered by %+v", what, f)
				}
			}
		}
		if st := s.Stats(); st.Moved != 1 || st.Forged != 4 {
			t.Errorf("Stats() = %+v, want the one move of the client, and 4 forged", st)
		}
		e := l.connect(t, udpq.ClientConfig{})
		emit(t, e, "news", 1)
		expect(t, c, 1)
		if f := there.frames(t); len(f) > 0 {
			t.Errorf("the event, or more, went to the forger: %+v", f)
		}
		l.carry(l.server, move(t, seen.Origin, seen.Time, seen.Offset, seen.Payload), c.LocalAddr()) // doubled on the way
		emit(t, e, "news", 2)
		expect(t, c, 2)
		if st := s.Stats(); st.Moved != 1 {
			t.Errorf("Stats() = %+v, want one move", st)
		}
		e.Close()
		c.Close()
	})
}

// A session that has moved expires as any other.
func TestMovedSessionExpires(t *testing.T) {
	inBubble(t, &udpq.Config{IdleTimeout: time.Minute}, func(t *testing.T, l *link, s *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{KeepAlive: -1})
		if err := c.Rebind(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		if st := s.Stats(); st.Sessions != 1 {
			t.Errorf("Stats() = %+v, want the session alive", st)
		}
		_, err := c.Next(t.Context())
		if closed, ok := errors.AsType[*udpq.ClosedError](err); !ok || closed.Code != framing.CodeTimeout {
			t.Errorf("Next() = %v, want that the session timed out", err)
		}
		if st := s.Stats(); st.Sessions != 0 {
			t.Errorf("Stats() = %+v, want no session", st)
		}
		c.Close()
	})
}

// A client without keep-alives, too, learns that its session is gone.
func TestMoveOfAForgottenSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		run := func() (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			l.mu.Lock()
			l.server = newInbox()
			l.mu.Unlock()
			done := make(chan error, 1)
			conn := serverConn{l, l.server}
			go func() { done <- udpq.NewServer(nil).Serve(ctx, conn) }()
			return func() { cancel(); <-done }
		}
		stop := run()
		c := l.connect(t, udpq.ClientConfig{KeepAlive: -1})
		l.rule(func(bool, []byte) int { return 0 }) // its bye is lost
		stop()
		l.rule(nil)
		stop = run()
		if err := c.Rebind(t.Context()); err == nil {
			t.Error("Rebind() = nil at a server that does not know the session")
		}
		time.Sleep(time.Second) // or strangers have had their answer
		emit(t, c, "news", 1)
		_, err := c.Next(t.Context())
		if closed, ok := errors.AsType[*udpq.ClosedError](err); !ok || closed.Code != framing.CodeUnauthorized {
			t.Errorf("Next() = %v, want unauthorized", err)
		}
		if err := c.Rebind(t.Context()); err == nil {
			t.Error("Rebind() = nil after the end")
		}
		c.Close()
		stop()
	})
}

// Over loopback, a client's socket is replaced in mid-stream.
func TestRebindOverLoopback(t *testing.T) {
	for name, config := range rungConfigs() {
		t.Run(name, func(t *testing.T) {
			s := serve(t, stored())
			var dialed atomic.Int64
			config.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialed.Add(1)
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
			config.Name = "ada"
			listener, emitter := dial(t, s, &config), dial(t, s, nil)
			subscribe(t, listener, "news")
			const events = 500
			for n := range events {
				if _, err := emitter.Emit("news", fmt.Append(nil, n)); err != nil {
					t.Fatal(err)
				}
			}
			expectAll(t, listener, events, mayRepeat(&config), func(n int) {
				if n%100 == 50 {
					if err := listener.Rebind(t.Context()); err != nil {
						t.Errorf("Rebind() = %v", err)
					}
				}
			})
			if st := s.Stats(); dialed.Load() != 6 || st.Moved != 5 || st.Sessions != 2 {
				t.Errorf("%d sockets, Stats() = %+v; want 6, 5 moves, 2 sessions", dialed.Load(), st)
			}
		})
	}
}
