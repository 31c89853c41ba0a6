package udpq_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
	"rawlab/udpq"
)

// fateOf is what the report says of each event, by sequence.
func fateOf(t *testing.T, c *udpq.Client) map[uint64]fates.Run {
	t.Helper()
	r, err := c.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[uint64]fates.Run)
	for _, topic := range r.Topics {
		for _, run := range topic.Runs {
			for n := run.From; n < run.To; n++ {
				all[n] = run
			}
		}
	}
	return all
}

// Whatever the wire loses, doubles and holds back, of events, questions and
// answers alike: the report says of each event what the wire did to it.
func TestReportIsTheTruth(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
				random := rand.New(rand.NewPCG(seed, 0))
				came := make(map[uint64]int) // at the server, by sequence
				type late struct {
					b        []byte
					sequence uint64
				}
				var held []late
				var emitter *udpq.Client
				listener := l.connect(t, udpq.ClientConfig{})
				subscribe(t, listener, "news")
				other := l.connect(t, udpq.ClientConfig{})
				subscribe(t, other, "news")
				emitter = l.connect(t, udpq.ClientConfig{Report: true, PackBudget: int(seed%2) * 200, Tries: 30})
				l.rule(func(toServer bool, b []byte) int {
					fate := random.IntN(10)
					if !toServer || kindOf(b) != framing.KindEmit {
						return min(fate, 1) // a tenth of everything else is lost
					}
					copies := 1
					switch fate {
					case 0, 1:
						copies = 0
					case 2:
						copies = 2
					case 3:
						copies = 0
						for f := range framing.Unpack(b) {
							if len(held) == 0 || held[len(held)-1].sequence < f.Sequence {
								held = append(held, late{append([]byte(nil), b...), f.Sequence})
							}
							break
						}
					}
					for f := range framing.Unpack(b) {
						if f.Origin == emitter.Origin() {
							came[f.Sequence] += copies
						}
					}
					return copies
				})
				const events = 300
				for n := range events {
					emit(t, emitter, []string{"news", "nobody"}[n%2], n)
				}
				if err := emitter.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				l.rule(nil)
				for _, h := range held[:len(held)/2] { // overtaken by all others; the rest never comes
					for f := range framing.Unpack(h.b) {
						came[f.Sequence]++
					}
					l.carry(l.server, h.b, l.addressOf(2))
				}
				synctest.Wait()
				l.rule(func(toServer bool, b []byte) int { return min(1, random.IntN(4)) })
				got := fateOf(t, emitter)
				if len(got) != events {
					t.Fatalf("the report tells of %d events, want %d", len(got), events)
				}
				for sequence, run := range got {
					n := uint32(came[sequence])
					stream, _ := framing.SplitSequence(sequence)
					want := fates.Outcome{Received: n, Due: 2 * n, Forwarded: 2 * n}
					if stream == 1 && n > 0 {
						want = fates.Outcome{Received: n}
						for range n {
							offline := fates.Lost(fates.Offline)
							offline.Due = 1
							want.Add(&offline)
						}
					}
					if run.Outcome != want || (run.Verdict == fates.LostOnWay) != (n == 0) {
						t.Errorf("event %d: %s %+v, want %+v", sequence, run.Verdict, run.Outcome, want)
					}
				}
				l.rule(nil)
				emitter.Close()
				other.Close()
				listener.Close()
			})
		})
	}
}

// addressOf returns the address of the nth client.
func (l *link) addressOf(n int) *net.UDPAddr {
	return &net.UDPAddr{IP: firstClient.IP, Port: firstClient.Port + n}
}

// refusing is a socket whose kernel does not take some datagrams.
type refusing struct {
	net.Conn
	refuse func(b []byte) error
}

func (r refusing) Write(b []byte) (int, error) {
	if err := r.refuse(b); err != nil {
		return 0, err
	}
	return r.Conn.Write(b)
}

func TestReportTellsWhatTheKernelRefused(t *testing.T) {
	for _, pack := range []int{0, 200} {
		inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
			refused := make(map[uint64]bool)
			n := 0
			c, err := udpq.Dial(t.Context(), "server", &udpq.ClientConfig{Report: true, PackBudget: pack, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := l.dial(ctx, network, addr)
				return refusing{conn, func(b []byte) error {
					if f, _, _ := framing.Parse(b, len(b)); f.Kind != framing.KindEmit || f.Origin == 0 {
						return nil
					}
					if n++; n%3 > 0 {
						return nil
					}
					for f := range framing.Unpack(b) {
						refused[f.Sequence] = true
					}
					return syscall.EPERM
				}}, err
			}})
			if err != nil {
				t.Fatal(err)
			}
			failures := 0
			for n := range 100 {
				if _, err := c.Emit("news", fmt.Append(nil, n)); err != nil {
					failures++
				}
			}
			for sequence, run := range fateOf(t, c) {
				want := fates.Arrived
				if refused[sequence] {
					want = fates.NotSent
				}
				if run.Verdict != want {
					t.Errorf("packed %d: event %d: %s, want %s", pack, sequence, run.Verdict, want)
				}
			}
			if len(refused) == 0 || failures == 0 {
				t.Errorf("packed %d: %d refused, %d errors: nothing was tested", pack, len(refused), failures)
			}
			c.Close()
		})
	}
}

// What may still be repaired is on its way: nothing is told as lost that comes
// later, and in the end nothing is on its way.
func TestReportTellsWhatMayStillCome(t *testing.T) {
	for _, config := range []udpq.ClientConfig{
		{Reliability: udpq.ReliabilityAck}, {Reliability: udpq.ReliabilityNack}, {Reliability: udpq.ReliabilityNack, Unordered: true},
		{Reliability: udpq.ReliabilityFEC}, {Reliability: udpq.ReliabilityFEC, Unordered: true}, {Reliability: "fec:4+1", PackBudget: 300},
		{Pace: udpq.Pace{Rate: 200_000, Burst: 2000}},
	} {
		t.Run(fmt.Sprintf("%s unordered %v", config.Reliability, config.Unordered), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) { checkUnderway(t, l, config) })
		})
	}
}

func checkUnderway(t *testing.T, l *link, config udpq.ClientConfig) {
	config.Report, config.Tries = true, 20
	c := l.connect(t, config)
	random := rand.New(rand.NewPCG(1, 2))
	l.rule(func(toServer bool, b []byte) int {
		if toServer && random.IntN(5) == 0 && (config.Reliability != "" || kindOf(b) == framing.KindEmit) {
			return 0
		}
		return 1
	})
	lost, waited := make(map[uint64]bool), 0
	const events = 203 // no whole number of groups
	for n := range events {
		if _, err := c.Emit("news", fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
		if n%20 == 0 {
			time.Sleep(3 * time.Millisecond)
		}
		if n%40 != 19 {
			continue
		}
		for sequence, run := range fateOf(t, c) {
			switch {
			case run.Verdict == fates.LostOnWay:
				lost[sequence] = true
			case run.Verdict == fates.OnTheWay:
				waited++
			case lost[sequence]:
				t.Errorf("event %d was told as lost, and is %s", sequence, run.Verdict)
			}
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	all := fateOf(t, c)
	for sequence, run := range all {
		if run.Verdict != fates.Arrived && run.Verdict != fates.LostOnWay || run.Verdict == fates.Arrived && lost[sequence] {
			t.Errorf("event %d: %s in the end, told as lost before: %v", sequence, run.Verdict, lost[sequence])
		}
	}
	if len(all) != events || waited == 0 && config.Reliability != "" {
		t.Errorf("%d events, %d times on the way: want %d, and some", len(all), waited, events)
	}
	c.Close()
}

// With acks, what is not acknowledged is on its way, until it has arrived.
func TestReportOnARung(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{Report: true, Reliability: udpq.ReliabilityAck})
		random := rand.New(rand.NewPCG(1, 2))
		came := make(map[uint64]bool)
		l.rule(func(toServer bool, b []byte) int {
			f, _, _ := framing.Parse(b, len(b))
			if toServer && f.Kind == framing.KindEmit && f.Origin != 0 {
				if random.IntN(3) == 0 {
					return 0
				}
				came[f.Sequence] = true
			}
			return 1
		})
		for n := range 20 {
			emit(t, c, "news", n)
		}
		synctest.Wait()
		for sequence, run := range fateOf(t, c) { // what came out of order waits for the others
			if run.Verdict == fates.Arrived && !came[sequence] || run.Verdict == fates.LostOnWay {
				t.Errorf("event %d: %s, came %v", sequence, run.Verdict, came[sequence])
			}
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := fateOf(t, c)
		for sequence, run := range all {
			if run.Verdict != fates.Arrived || run.Outcome.Received != 1 || run.Outcome.Lost(fates.Offline) != 1 {
				t.Errorf("event %d: %+v, want it to have come once", sequence, run)
			}
		}
		if len(all) != 20 {
			t.Errorf("%d events, want 20", len(all))
		}
		c.Close()
	})
}

// An outbox that is full, a session that ends, a stranger's event, and bytes
// that are none.
func TestReportTellsWhatTheServerDropped(t *testing.T) {
	q, err := queue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, &udpq.Config{Queue: q}, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{Report: true, Origin: 7, KeepAlive: -1})
		at := time.Now()
		time.Sleep(time.Second)
		l.carry(l.server, []byte("no frame at all, but long enough for one"), l.addressOf(0))
		emit(t, c, "news", 1)
		synctest.Wait()
		l.rule(func(toServer bool, _ []byte) int { // the client is not told that its session expires
			if toServer {
				return 1
			}
			return 0
		})
		time.Sleep(2 * udpq.DefaultIdleTimeout)
		emit(t, c, "news", 2)
		synctest.Wait()
		l.rule(nil)
		c.Close()
		again := l.connect(t, udpq.ClientConfig{Report: true, Origin: 7}) // numbers the same events: for the test alone
		emit(t, again, "other", 0)
		emit(t, again, "other", 0)
		r, err := again.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if runs := r.Topics[0].Runs; len(runs) != 2 || runs[0].Outcome.Received != 2 || runs[1].Outcome.Received != 1 || runs[1].Outcome.Lost(fates.Unauthorized) != 1 {
			t.Errorf("runs = %+v, want the second event once unauthorized", runs)
		}
		want := []fates.Unplaced{{Fate: fates.FrameInvalid, Count: 1, From: at.Add(time.Second), To: at.Add(time.Second)}}
		if diff := cmp.Diff(want, r.Unplaced); diff != "" {
			t.Errorf("unplaced (-want +got):\n%s", diff)
		}
		again.Close()
	})
}

func TestReportNeedsToBeAskedFor(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{})
		if _, err := c.Report(t.Context()); !errors.Is(err, udpq.ErrNoReport) {
			t.Errorf("Report() = %v, want ErrNoReport", err)
		}
		c.Close()
	})
}
