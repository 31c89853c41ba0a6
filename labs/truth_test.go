package labs_test

import (
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/labs"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// TestThreeCapturesAgree holds the wire's ledger against the taps at both
// hosts, packet for packet, under everything that the wire can do.
func TestThreeCapturesAgree(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]string{
		"bursts":    "loss gemodel 2% 20% delay 2ms 1ms distribution pareto",
		"mangled":   "loss 1% delay 2ms reorder 25% gap 5 duplicate 5% corrupt 3%",
		"layers":    "delay 1ms corrupt 10% payload",
		"queues":    "rate 3mbit queue 20kb aqm codel",
		"schedule":  "delay 1ms; 100ms; 50ms loss 50%; 30ms down",
		"rules":     "delay 1ms; udp to-server: loss 10% rate 5mbit; tcp to-client: loss 5%",
		"fragments": "loss gemodel 2% 30% duplicate 2%",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(labs.Loss, 1000)
			var err error
			if o.Impairment, err = wire.ParseImpairment(words); err != nil {
				t.Fatal(err)
			}
			switch {
			case name == "fragments":
				o.Size, o.Events = 4000, 300
			case testing.Short() && name != "schedule": // which takes its time
				o.Events = 400
			}
			out := run(t, labs.Loss, o)
			for i := range out.Evidence {
				agree(t, &out.Evidence[i])
			}
			if got := out.Result.Scenario.ToServer; got != o.Impairment.String() {
				t.Errorf("the result says the wire did %q", got)
			}
			if timed := name == "schedule" || udp(out).Fates[string(account.WireQueue)] > 0; timed == out.Result.Reproducible {
				t.Errorf("reproducible: %v, %v", out.Result.Reproducible, out.Result.Reasons)
			}
		})
	}
}

// agree holds the three witnesses of each leg against each other.
func agree(t *testing.T, e *report.Evidence) {
	t.Helper()
	for leg, j := range e.Ledger.Joined {
		from := &e.Taps[account.Client]
		if leg == account.ToSubscriber {
			from = &e.Taps[account.Server]
		}
		rows := map[int]bool{}
		for _, s := range j.Sightings {
			if s.Passage < 0 || rows[s.Passage] {
				t.Fatalf("%s, leg %d: packet %d has the row %d, not one of its own", e.Transport, leg, s.Packet, s.Passage)
			}
			rows[s.Passage] = true
			if s.Packet < 0 || s.Packet >= len(from.Packets) {
				t.Fatalf("%s, leg %d: packet %d of %d", e.Transport, leg, s.Packet, len(from.Packets))
			}
		}
		if len(j.Unsent) > 0 || len(j.Strangers) > 0 || len(rows) == 0 {
			t.Errorf("%s, leg %d: of %d rows %d are of packets that nobody sent; %d packets came that the wire did not send",
				e.Transport, leg, len(rows), len(j.Unsent), len(j.Strangers))
		}
	}
	for side, tap := range e.Taps {
		if tap.Dropped > 0 {
			t.Errorf("%s, side %d: the tap missed %d packets", e.Transport, side, tap.Dropped)
		}
	}
	if len(e.Ledger.Doubts) > 0 && e.Ledger.Fates[account.WireQueue] == 0 { // a full queue is decided by timing, which is a doubt
		t.Errorf("%s: %v", e.Transport, e.Ledger.Doubts)
	}
}

// TestDirectionsAreTheirOwn: what is said of one way holds that way only.
func TestDirectionsAreTheirOwn(t *testing.T) {
	t.Parallel()
	o := options(labs.Loss, 1000)
	o.Transport = "udp"
	back := wire.Impairment{Delay: 20 * time.Millisecond}
	o.Impairment, o.Back = wire.Impairment{Loss: 0.1}, &back
	out := run(t, labs.Loss, o)
	l := out.Evidence[0].Ledger
	if l.LostOn[account.ToServer] == 0 || l.LostOn[account.ToSubscriber] != 0 {
		t.Errorf("lost %v, want all of them on the way to the server", l.LostOn)
	}
	if u := udp(out); u.LatencyUS.P50 < 20_000 {
		t.Errorf("latency p50 of %v µs, want at least the way back's 20 ms", u.LatencyUS.P50)
	}
}

// TestBurstsRepeat: the same seed loses the same bursts, whatever overtakes.
func TestBurstsRepeat(t *testing.T) {
	t.Parallel()
	digests := map[uint64]string{}
	for i, seed := range []uint64{1, 1, 1, 2} {
		o := options(labs.Loss, 1000)
		o.Seed = seed
		if i > 0 {
			o.Transport = "udp" // TCP is never out of order, which one run shows
		}
		o.Impairment = wire.Impairment{
			Burst: wire.Gilbert{P: 0.02, R: 0.2, BadLoss: 1}, Delay: 3 * time.Millisecond,
			Jitter: time.Millisecond, Distribution: wire.Normal, Reorder: 0.25, Gap: 5,
		}
		out := run(t, labs.Loss, o)
		if !out.Result.Reproducible {
			t.Errorf("seed %d: not reproducible: %v", seed, out.Result.Reasons)
		}
		if u := udp(out); u.Reordered.Events == 0 || i == 0 && out.Result.Runs[0].Reordered.Events != 0 {
			t.Errorf("reordered: %+v over UDP, %+v over TCP", u.Reordered, out.Result.Runs[0].Reordered)
		}
		got := udp(out).LostDigest
		if before, ok := digests[seed]; ok && before != got {
			t.Errorf("seed %d: digest %s, before %s", seed, got, before)
		}
		digests[seed] = got
	}
	if digests[1] == digests[2] {
		t.Error("two seeds lost the same events")
	}
}
