package udpq_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/internal/queue"
	"rawlab/udpq"
)

// departure is a datagram as tc counts it.
type departure struct {
	at    time.Time
	bytes int
}

const headers = 8 + 20 + 14

// within checks that over no time more left than the pace allows, and returns
// how long it took and how much it was.
func within(t *testing.T, all []departure, p udpq.Pace) (took time.Duration, bytes int) {
	t.Helper()
	rate := float64(p.Rate) / 8
	for i := range all {
		sum := 0
		for _, d := range all[i:] {
			sum += d.bytes
			if most := d.at.Sub(all[i].at).Seconds()*rate + float64(p.Burst+1472+headers); float64(sum) > most {
				t.Errorf("%d bytes in %v from datagram %d of %d on, want %.0f at most", sum, d.at.Sub(all[i].at), i, len(all), most)
				return 0, 0
			}
		}
		bytes += all[i].bytes
	}
	return all[len(all)-1].at.Sub(all[0].at), bytes
}

// paced is the rungs that a pace is kept on: with what the wire loses, every so
// many.
var paced = []struct {
	name   string
	config udpq.ClientConfig
	size   int
	lose   int
}{
	{"none", udpq.ClientConfig{}, 500, 0},
	{"none, packed and gathered", udpq.ClientConfig{PackBudget: 1200, Gather: 64}, 100, 0},
	{"none, in pieces", udpq.ClientConfig{}, 20_000, 0},
	{"ack", udpq.ClientConfig{Reliability: udpq.ReliabilityAck}, 500, 10},
	{"ack, gathered", udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Gather: 16}, 500, 10},
	{"nack", udpq.ClientConfig{Reliability: udpq.ReliabilityNack}, 500, 10},
	{"nack, in pieces", udpq.ClientConfig{Reliability: udpq.ReliabilityNack}, 20_000, 10},
	{"fec", udpq.ClientConfig{Reliability: udpq.ReliabilityFEC}, 500, 10},
}

// No rung sends faster than the pace allows, either way, nor much more slowly,
// and nothing is lost for it: repairs and parity are paced as well.
func TestPace(t *testing.T) {
	for _, test := range paced {
		for _, fromServer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, from server %v", test.name, fromServer), func(t *testing.T) {
				pace := udpq.Pace{Rate: 2_000_000, Burst: 4000}
				config, client := udpq.Config{Policy: queue.Block, PackBudget: test.config.PackBudget}, test.config
				if fromServer {
					config.Pace = pace
				} else {
					client.Pace = pace
				}
				inBubble(t, &config, func(t *testing.T, l *link, s *udpq.Server) { checkPace(t, l, s, client, pace, test.size, test.lose) })
			})
		}
	}
}

func checkPace(t *testing.T, l *link, s *udpq.Server, client udpq.ClientConfig, pace udpq.Pace, size, lose int) {
	listener, emitter := l.connect(t, client), l.connect(t, client)
	subscribe(t, listener, "news")
	time.Sleep(time.Second) // the bucket is full again
	var all []departure
	fromServer := client.Pace.Rate == 0
	l.rule(func(toServer bool, b []byte) int {
		if toServer != fromServer && len(b) >= 100 { // smaller ones are what the other client, or for it, is asked and answered
			all = append(all, departure{time.Now(), len(b) + headers})
		}
		if n := len(all); lose > 0 && n%lose == 0 && toServer != fromServer {
			return 0
		}
		return 1
	})
	events := 100_000 / size
	var emitting sync.WaitGroup
	emitting.Go(func() {
		for range events {
			if _, err := emitter.Emit("news", filled(size)); err != nil {
				t.Error(err)
				return
			}
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := range events {
		if _, err := listener.Next(ctx); err != nil {
			t.Fatalf("event %d of %d: %v", n, events, err)
		}
	}
	emitting.Wait()
	synctest.Wait()
	took, bytes := within(t, all, pace)
	least := time.Duration(float64(bytes-pace.Burst-1472-headers) * 8 / float64(pace.Rate) * float64(time.Second))
	if took < least || lose == 0 && took > 2*least {
		t.Errorf("%d bytes took %v, want about %v", bytes, took, least)
	}
	listener.Close()
	emitter.Close()
	balanced(t, s)
}
