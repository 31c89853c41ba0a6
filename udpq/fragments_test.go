package udpq_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
	"rawlab/udpq/fragment"
)

// sizes are payloads around what a datagram holds, and the largest one.
var sizes = []int{1, 1300, 1400, 1405, 1420, 1500, 4000, 9000, 70_000, udpq.MaxEmit - framing.MinSize - 4 - len("news")}

// filled returns a payload that is nowhere like itself.
func filled(size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)})
	r.Read(b)
	return b
}

// Events of every size come as they were emitted, in datagrams no larger than
// allowed, over every rung; stored ones too, where an offset makes them larger.
func TestLargeEvents(t *testing.T) {
	for _, test := range []udpq.ClientConfig{
		{}, {PackBudget: 1300}, {Datagram: 600}, {Name: "ada"}, {Reliability: udpq.ReliabilityAck},
		{Reliability: udpq.ReliabilityAck, Unordered: true, Name: "ada", PackBudget: 900},
		{Reliability: udpq.ReliabilityNack}, {Reliability: udpq.ReliabilityFEC},
	} {
		config := udpq.Config{Policy: queue.Block, PackBudget: test.PackBudget, Datagram: test.Datagram}
		inBubble(t, &config, func(t *testing.T, l *link, s *udpq.Server) {
			largest := 0
			l.rule(func(_ bool, b []byte) int {
				largest = max(largest, len(b))
				return 1
			})
			listener, emitter := l.connect(t, test), l.connect(t, udpq.ClientConfig{Datagram: test.Datagram, Reliability: test.Reliability, PackBudget: test.PackBudget})
			subscribe(t, listener, "news")
			for _, size := range sizes {
				if _, err := emitter.Emit("news", filled(size)); err != nil {
					t.Fatal(err)
				}
				if err := emitter.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				e, err := listener.Next(t.Context())
				if err != nil || !bytes.Equal(e.Payload, filled(size)) {
					t.Fatalf("%+v: an event of %d bytes came as %d, %v", test, size, len(e.Payload), err)
				}
			}
			l.rule(nil) // largest changes no more
			limit := test.Datagram
			if limit == 0 {
				limit = framing.DefaultDatagram
			}
			if largest > limit {
				t.Errorf("%+v: a datagram of %d bytes, %d allowed", test, largest, limit)
			}
			emitter.Close()
			listener.Close()
			balanced(t, s)
			if st := s.Stats(); st.Fragments == 0 || st.FragmentsRefused != 0 || st.Forwarded != uint64(len(sizes)) {
				t.Errorf("%+v: Stats() = %+v", test, st)
			}
			if st := listener.Stats(); st.Fragments == 0 || st.FragmentsRefused != 0 || st.FragmentLost != 0 {
				t.Errorf("%+v: Stats() = %+v", test, st)
			}
		})
	}
}

// With ReliabilityAck every piece is repaired.
func TestAckDeliversPieces(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		inBubble(t, &udpq.Config{Policy: queue.Block}, func(t *testing.T, l *link, s *udpq.Server) {
			l.badly(seed, 5)
			client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Unordered: seed%2 == 1, Tries: 20}
			listener, emitter := l.connect(t, client), l.connect(t, client)
			subscribe(t, listener, "news")
			const events = 40
			done := make(chan error, 1)
			go func() {
				for n := range events {
					if _, err := emitter.Emit("news", filled(n*500)); err != nil {
						done <- err
						return
					}
				}
				done <- emitter.Flush(t.Context())
			}()
			met := make(map[int]bool)
			for n := range events {
				e, err := listener.Next(t.Context())
				if err != nil {
					t.Fatalf("seed %d, event %d: %v", seed, n, err)
				}
				size := len(e.Payload)
				if met[size] || !bytes.Equal(e.Payload, filled(size)) || !client.Unordered && size != n*500 {
					t.Fatalf("seed %d: event %d of %d bytes is wrong, twice or out of order", seed, n, size)
				}
				met[size] = true
			}
			if err := <-done; err != nil {
				t.Errorf("seed %d: emitting: %v", seed, err)
			}
			emitter.Close()
			listener.Close()
			balanced(t, s)
		})
	}
}

// pieceLoser loses the nth piece of some events, on one way.
func pieceLoser(lose map[uint64]bool, onTheWayTo bool) func(bool, []byte) int {
	seen := make(map[uint64]int)
	return func(toServer bool, b []byte) int {
		f, _, _ := framing.Parse(b, len(b))
		if f.Kind != framing.KindFragment || toServer != onTheWayTo {
			return 1
		}
		if seen[f.Sequence]++; seen[f.Sequence] == 2 && lose[f.Sequence] {
			return 0
		}
		return 1
	}
}

// An event of which a piece is lost on the way to the server is given up there
// when the time has passed, with its identity; one on the way back at the
// client.
func TestFragmentLost(t *testing.T) {
	type id struct{ origin, sequence uint64 }
	var traced, told []id
	config := udpq.Config{Trace: func(e queue.TraceEvent) {
		if e.Fate == queue.FateFragmentLost {
			traced = append(traced, id{e.Origin, e.Sequence})
		}
	}}
	inBubble(t, &config, func(t *testing.T, l *link, s *udpq.Server) {
		listener := l.connect(t, udpq.ClientConfig{OnFragmentLost: func(origin, sequence uint64) { told = append(told, id{origin, sequence}) }})
		subscribe(t, listener, "news")
		emitter := l.connect(t, udpq.ClientConfig{Origin: 7})
		send := func(lose map[uint64]bool, toServer bool) {
			l.rule(pieceLoser(lose, toServer))
			for range 3 {
				if _, err := emitter.Emit("news", filled(4000)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(fragment.DefaultTimeout - time.Millisecond)
		}
		send(map[uint64]bool{2: true}, true)
		if n := s.Stats().Dropped[queue.FateFragmentLost]; n != 0 {
			t.Errorf("%d events given up early", n)
		}
		send(map[uint64]bool{5: true}, false)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := s.Stats().Dropped[queue.FateFragmentLost]; n != 1 || !cmp.Equal(traced, []id{{7, 2}}, cmp.AllowUnexported(id{})) {
			t.Errorf("the server gave up %d events, %v, want 7:2", n, traced)
		}
		if st := listener.Stats(); st.FragmentLost != 1 || !cmp.Equal(told, []id{{7, 5}}, cmp.AllowUnexported(id{})) {
			t.Errorf("the client gave up %d events, %v, want 7:5", st.FragmentLost, told)
		}
		for _, want := range []uint64{1, 3, 4, 6} {
			if e, err := listener.Next(t.Context()); err != nil || e.Sequence != want || !bytes.Equal(e.Payload, filled(4000)) {
				t.Errorf("Next() = %d, %v, want %d", e.Sequence, err, want)
			}
		}
		balanced(t, s)
		emitter.Close()
		listener.Close()
	})
}

// Pieces that are doubled count once.
func TestDoubledPieces(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		l.rule(func(bool, []byte) int { return 2 })
		listener, emitter := l.connect(t, udpq.ClientConfig{}), l.connect(t, udpq.ClientConfig{})
		subscribe(t, listener, "news")
		for range 2 {
			emitter.Emit("news", filled(4000))
		}
		time.Sleep(2 * fragment.DefaultTimeout)
		if st := s.Stats(); st.Received != 2 || st.Fragments != 16 || st.FragmentsRefused != 8 || st.Dropped[queue.FateFragmentLost] != 0 {
			t.Errorf("server: %+v, want 2 events out of 16 pieces, 8 refused", st)
		}
		if st := listener.Stats(); st.Delivered != 2 || st.FragmentsRefused != 8 || st.FragmentLost != 0 {
			t.Errorf("client: %+v, want 2 events, 8 pieces refused", st)
		}
		emitter.Close()
		listener.Close()
	})
}

// What a client leaves unfinished has its fate when it goes.
func TestUnfinishedAtTheEnd(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		emitter := l.connect(t, udpq.ClientConfig{})
		l.rule(pieceLoser(map[uint64]bool{1: true}, true))
		emitter.Emit("news", filled(4000))
		emitter.Close()
		synctest.Wait()
		if n := s.Stats().Dropped[queue.FateFragmentLost]; n != 1 {
			t.Errorf("%d events given up, want 1", n)
		}
	})
}

// Pieces of another's event, of no event, and of what is none inside.
func TestForgedPieces(t *testing.T) {
	s := serve(t, nil)
	c := dialRaw(t, s)
	c.write(t, hello(t, 7, 1, 0))
	c.write(t, hello(t, 7, 2, c.read(t).Offset))
	if f := c.read(t); f.Kind != framing.KindWelcome {
		t.Fatalf("%v came, want a welcome", f.Kind)
	}
	send := func(origin uint64, sequence uint64, inside []byte) {
		b, sizes := fragment.Append(nil, nil, inside, origin, sequence, 1, 600)
		for _, n := range sizes {
			c.write(t, b[:n])
			b = b[n:]
		}
	}
	event := func(f framing.Frame) []byte {
		f.Topic, f.Payload = []byte("news"), filled(1000)
		return frame(t, f)
	}
	good := framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1}
	send(8, 1, event(good)) // of another
	send(7, 2, event(good)) // another number inside
	send(7, 3, event(framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: 3}))
	bad := event(framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 4})
	bad[700] ^= 1
	send(7, 4, bad)
	send(7, 1, event(good))
	c.write(t, frame(t, framing.Frame{Kind: framing.KindPing, Sequence: 9}))
	if f := c.read(t); f.Kind != framing.KindPong {
		t.Fatalf("%v came, want a pong", f.Kind)
	}
	st := s.Stats()
	if st.Received != 1 || st.Dropped[queue.FateFrameInvalid] != 3 || st.FragmentsRefused != 2 {
		t.Errorf("Stats() = %+v, want 1 received, 3 invalid, 2 pieces refused", st)
	}
}

// Who knows no pieces, or wants none, gets whole datagrams, and a limit that
// holds for those.
func TestFragmentsByIP(t *testing.T) {
	for name, test := range map[string]struct {
		server udpq.Config
		client udpq.ClientConfig
	}{
		"wanted by the client": {client: udpq.ClientConfig{Fragments: udpq.FragmentsIP}},
		"wanted by the server": {server: udpq.Config{Fragments: udpq.FragmentsIP}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &test.server)
			test.client.Origin = 7
			c := dial(t, s, &test.client)
			subscribe(t, c, "news")
			room := udpq.MaxWhole - framing.MinSize - 4 - len("news")
			limit := room
			if _, err := c.Emit("news", filled(limit)); err != nil {
				t.Fatal(err)
			}
			if e, err := c.Next(t.Context()); err != nil || !bytes.Equal(e.Payload, filled(limit)) {
				t.Errorf("Next() = %d bytes, %v, want %d", len(e.Payload), err, limit)
			}
			_, err := c.Emit("news", filled(limit+1))
			if size, ok := errors.AsType[*framing.SizeError](err); !ok || size.Limit != udpq.MaxWhole {
				t.Errorf("Emit over a datagram = %v, want a SizeError", err)
			}
			if n := s.Stats().Fragments; n != 0 && test.client.Fragments == udpq.FragmentsIP {
				t.Errorf("%d pieces came", n)
			}
		})
	}
}

func TestParseFragments(t *testing.T) {
	for name, want := range map[string]udpq.Fragments{"": udpq.FragmentsOwn, "own": udpq.FragmentsOwn, "ip": udpq.FragmentsIP} {
		if got, err := udpq.ParseFragments(name); err != nil || got != want {
			t.Errorf("ParseFragments(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := udpq.ParseFragments("IP"); err == nil {
		t.Error("ParseFragments(IP) did not fail")
	}
}
