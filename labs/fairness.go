package labs

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Fairness lets TCP and UDP share one wire that is too slow for both.
var Fairness = &Lab{
	Name:     "fairness",
	Question: "who gets how much of a wire that TCP and UDP share?",
	Varies:   "what is beside TCP: UDP on a rung that backs off, then UDP that does not",
	Held:     "a wire that is too slow for both, its queue, events and pace of each",
	Expect:   "who backs off shares; who does not takes what it wants, and TCP gets what is left",
	Predict: Prediction{
		Ask:  "UDP that does not back off shares a wire with TCP. What share of it does TCP get?",
		Unit: "%", Answer: func(r *report.Result) float64 { return 100 * r.Figures["tcp share beside none"] },
	},
	Next:    []string{"rawlab lab run fairness --queue 1000", "rawlab lab run fairness --aqm codel", "rawlab lab run fairness --rate 50mbit --pace 8000"},
	Reading: []string{"RFC 2914 (why congestion control)", "RFC 8085, section 3.1 (UDP's)", "RFC 5166, section 2.3 (measuring fairness)"},
	Defaults: Options{
		Events: 10_000, Size: 1_000, Pace: 2_000, Seed: 1, Reliability: udpq.ReliabilityAck,
		Impairment: wire.Impairment{Delay: 10 * time.Millisecond, Rate: 10_000_000, Queue: 100},
	},
	Takes: []string{"events", "size", "pace", "delay", "rate", "queue", "aqm", "up", "down", "seed", "ipv6", "reliability", "congestion", "tcp-info"},
	run:   runFairness,
}

// share is what one flow got of the wire to the server while both emitted.
type share struct {
	run     *report.Run
	bytes   int64 // that left the wire
	dropped int   // packets that the queue had no room for
}

// contest is two flows on one wire.
type contest struct {
	transfers [2]*transfer
	window    time.Duration
	shares    [2]share
}

func runFairness(ctx context.Context, o *Options) (*Outcome, error) {
	rung := cmp.Or(o.Reliability, udpq.ReliabilityAck)
	switch rung {
	case udpq.ReliabilityAck:
	case udpq.ReliabilityNone:
		return nil, &OptionError{fmt.Errorf("--reliability none: that is beside TCP in any case; leave it out, or say ack")}
	default:
		return nil, &OptionError{fmt.Errorf("--reliability %s: it does not slow down for a full queue, no more than none, which is beside TCP in any case; only ack controls congestion", rung)}
	}
	var contests [2]contest
	var groups []group
	for i, r := range []udpq.Reliability{rung, udpq.ReliabilityNone} {
		c := &contests[i]
		udp := &plan{transport: overUDP(r), script: c.script(1)}
		if r == udpq.ReliabilityNone {
			udp.variant = string(r)
		}
		groups = append(groups, group{o, []*plan{{transport: overTCP, variant: "beside " + string(r), script: c.script(0)}, udp}})
	}
	out := &Outcome{Result: newResult(o)}
	recordings, err := out.conductTogether(ctx, o, groups...)
	if err != nil {
		return nil, err
	}
	r := out.Result
	for i := range contests {
		contests[i].judge(recordings[i], r.Runs[2*i:2*i+2])
	}
	if o.backend() == BackendKernel {
		doubt(r, "a full queue decides what is lost, and who fills it is decided by timing", everyRun)
	}
	r.Figures = map[string]float64{}
	for i := range contests {
		for j, s := range contests[i].shares {
			r.Figures[strings.Replace(s.run.Name(), " ", " share ", 1)] = contests[i].part(j)
		}
	}
	r.Details = sharesTable(contests[:])
	r.Checks = fairnessChecks(out, contests[:])
	r.Story = fairnessStory(o, contests[:])
	return out, nil
}

// script notes who carries the plan out, which then goes on steadily.
func (c *contest) script(i int) func(context.Context, *transfer) error {
	return func(ctx context.Context, x *transfer) error {
		c.transfers[i] = x
		return steady(ctx, x)
	}
}

// judge measures both flows from when both emitted until the first was done.
func (c *contest) judge(rec *Recording, runs []report.Run) {
	from, to := c.transfers[0].emitting[0], c.transfers[0].emitting[1]
	if other := c.transfers[1].emitting; other[0].After(from) {
		from = other[0]
	}
	if other := c.transfers[1].emitting; other[1].Before(to) {
		to = other[1]
	}
	c.window = to.Sub(from)
	of := map[dissect.Protocol]*share{dissect.TCP: &c.shares[0], dissect.UDP: &c.shares[1]}
	for i := range runs {
		c.shares[i].run = &runs[i]
	}
	for _, p := range rec.Wire[account.ToServer].Passages {
		s := of[p.Protocol]
		switch {
		case s == nil || p.Time.Before(from) || p.Time.After(to):
		case p.Fate == account.PacketOverflow:
			s.dropped++
		default:
			s.bytes += int64(p.Length * p.Copies)
		}
	}
}

// part is the flow's share of what both got.
func (c *contest) part(i int) float64 {
	all := c.shares[0].bytes + c.shares[1].bytes
	if all == 0 {
		return 0
	}
	return float64(c.shares[i].bytes) / float64(all)
}

// jain is the index of Jain, Chiu and Hawe (DEC-TR-301, 1984; RFC 5166,
// section 2.3): 1 if both got the same, ½ if one got everything.
func (c *contest) jain() float64 {
	x, y := c.part(0), c.part(1)
	if x == 0 && y == 0 {
		return 0
	}
	return (x + y) * (x + y) / (2 * (x*x + y*y))
}

// sharesTable shows what each flow got.
func sharesTable(contests []contest) string {
	var b strings.Builder
	b.WriteString("on the way to the server, while both emitted     Mbit/s   share  queue drops\n")
	for i := range contests {
		c := &contests[i]
		for j := range c.shares {
			s := &c.shares[j]
			rate := 0.0
			if c.window > 0 {
				rate = float64(s.bytes) * 8 / c.window.Seconds() / 1e6
			}
			fmt.Fprintf(&b, "  %-44s %8.2f %6.1f%% %12s\n", s.run.Name(), rate, 100*c.part(j), report.Count(s.dropped))
		}
		fmt.Fprintf(&b, "  %-44s %8.2f\n", fmt.Sprintf("Jain's index over %.1f s", c.window.Seconds()), c.jain())
	}
	return b.String()
}

func fairnessChecks(out *Outcome, contests []contest) []report.Check {
	r, with, without := out.Result, &contests[0], &contests[1]
	var checks []report.Check
	for i := range r.Runs {
		if u := &r.Runs[i]; u.Transport == "tcp" || i == 1 {
			checks = append(checks, report.Check{
				Claim:    fmt.Sprintf("%s delivers every event exactly once, whatever is beside it", u.Name()),
				Measured: fmt.Sprintf("%s of %s, %d twice", report.Count(u.Delivered), report.Count(u.Emitted), u.Duplicates),
				Held:     u.Delivered == u.Emitted && u.Duplicates == 0,
			})
		}
	}
	const least = 0.1
	return append(checks,
		report.Check{
			Claim:    fmt.Sprintf("beside %s neither flow starves: each gets a tenth of the wire or more", r.Runs[1].Reliability),
			Measured: fmt.Sprintf("TCP %.1f %%, UDP %.1f %%", 100*with.part(0), 100*with.part(1)),
			Held:     with.part(0) >= least && with.part(1) >= least,
		},
		report.Check{
			Claim:    "beside UDP that does not back off, TCP gets less, and the wire is shared less fairly",
			Measured: fmt.Sprintf("TCP %.1f %% and %.1f %%, Jain's index %.2f and %.2f", 100*without.part(0), 100*with.part(0), without.jain(), with.jain()),
			Held:     without.part(0) < with.part(0) && without.jain() < with.jain(),
		})
}

// fairnessStory says why, in this run's numbers.
func fairnessStory(o *Options, contests []contest) []string {
	with, without := &contests[0], &contests[1]
	return []string{
		fmt.Sprintf("Each flow means to send %g events of %d bytes per second, over a wire that lets through %.3g Mbit/s. TCP takes a full queue's drops for congestion and slows down (RFC 5681, section 3; RFC 2914), and so does %s: they lost %d and %d packets there, and got %.1f %% and %.1f %% of what left the wire.",
			o.Pace, o.Size, float64(o.Impairment.Rate)/1e6, title(with.shares[1].run), with.shares[0].dropped, with.shares[1].dropped, 100*with.part(0), 100*with.part(1)),
		fmt.Sprintf("UDP without a rung does not slow down: the queue dropped %s of its packets, and it sent on, which is what RFC 8085, section 3.1, asks nobody to do on a shared network. It got %.1f %%; TCP backed off from the queue that UDP kept full, and got %.1f %%.",
			report.Count(without.shares[1].dropped), 100*without.part(1), 100*without.part(0)),
	}
}
