package fec_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/udpq/fec"
)

// gilbert is the wire of Gilbert and Elliott whose bad state loses everything:
// mean is its loss, burst how many datagrams are lost at a time on average.
// With independent losses burst is 0.
type gilbert struct {
	mean, burst float64
	random      *rand.Rand
	bad         bool
}

func (g *gilbert) loses() bool {
	switch {
	case g.burst == 0:
		g.bad = false
		return g.random.Float64() < g.mean
	case g.bad:
		g.bad = g.random.Float64() >= 1/g.burst
	default:
		g.bad = g.random.Float64() < g.mean/(1-g.mean)/g.burst
	}
	return g.bad
}

// residual measures the share of datagrams that are lost in spite of parity.
func residual(t *testing.T, p fec.Params, wire gilbert, datagrams int) float64 {
	t.Helper()
	wire.random = rand.New(rand.NewPCG(uint64(datagrams), 3))
	frames, err := (&framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Topic: []byte("t"), Payload: make([]byte, 20)}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	send, receive, now, got := fec.NewSender(p, 0, 0), fec.NewDecoder(p, false, 0, 0), start, 0
	pump := func() {
		for b, _, ok := send.Next(now); ok; b, _, ok = send.Next(now) {
			if wire.loses() {
				continue
			}
			frames, h, _, _ := fec.Split(b)
			got += len(receive.Accept(now, &h, frames))
		}
	}
	for range datagrams {
		now = now.Add(200 * time.Microsecond)
		send.Send(now, frames)
		pump()
	}
	send.Finish()
	pump()
	got += len(receive.OnTimer(now.Add(time.Second)))
	return float64(datagrams-got) / float64(datagrams)
}

// binomial is what is left if losses are independent: a datagram is missing
// when it is lost and Parity or more of the others of its group are.
func binomial(p fec.Params, loss float64) float64 {
	others, repaired, term := float64(p.Data+p.Parity-1), 0.0, 0.0
	for lost := range p.Parity {
		if lost == 0 {
			term = math.Pow(1-loss, others)
		} else {
			term *= (others - float64(lost) + 1) / float64(lost) * loss / (1 - loss)
		}
		repaired += term
	}
	return loss * (1 - repaired)
}

var residualDatagrams = flag.Int("residual", 100_000, "datagrams sent for each line of the table")

// The table of doc.go, which is measured with -residual 5000000.
func TestResidual(t *testing.T) {
	datagrams := *residualDatagrams
	if testing.Short() {
		datagrams = min(datagrams, 10_000)
	}
	for _, c := range []struct {
		params      string
		loss, burst float64
	}{
		{"8+2", .01, 0}, {"8+2", .05, 0}, {"4+2", .05, 0}, {"10+4", .05, 0},
		{"8+2", .01, 3}, {"8+2x4", .01, 3}, {"8+2", .05, 3}, {"8+2x4", .05, 3}, {"8+2x8", .01, 10},
	} {
		p, err := fec.ParseParams(c.params)
		if err != nil {
			t.Fatal(err)
		}
		got, want := residual(t, p, gilbert{mean: c.loss, burst: c.burst}, datagrams), binomial(p, c.loss)
		t.Logf("%-6s %2.0f %% in bursts of %2.0f: computed %.5f %%, measured %.5f %%", c.params, 100*c.loss, c.burst, 100*want, 100*got)
		if c.burst == 0 {
			// Losses come in groups, of Parity + 1 at least: that many times the
			// variance of independent ones, about.
			if sigma := math.Sqrt(want * float64(p.Parity+1) / float64(datagrams)); math.Abs(got-want) > 5*sigma {
				t.Errorf("%s at %g: %g lost in spite of parity, want %g ± %g", c.params, c.loss, got, want, 5*sigma)
			}
		} else if got > c.loss {
			t.Errorf("%s at %g in bursts of %g: %g lost in spite of parity, want less than the wire loses", c.params, c.loss, c.burst, got)
		}
	}
}
