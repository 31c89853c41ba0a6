package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// Loss sends the same events over TCP and over UDP through a lossy wire.
var Loss = &Lab{
	Name:     "loss",
	Question: "what do TCP and UDP make of a wire that loses packets?",
	Varies:   "the transport: TCP, then UDP",
	Held:     "events, pace, wire, seed, queue server",
	Expect:   "UDP loses what the wire loses and is never late; TCP, and UDP on a rung, lose nothing and pay in waiting",
	Predict: Prediction{
		Ask:  "%s. How many events does UDP lose?",
		Unit: "events", Given: func(o *Options) string {
			return fmt.Sprintf("%s events cross a wire twice that loses %s of the packets", report.Count(o.Events), o.lossWords())
		},
		Answer: func(r *report.Result) float64 {
			udp := &r.Runs[len(r.Runs)-1]
			return float64(udp.Emitted - udp.Delivered)
		},
	},
	Next:    []string{"rawlab lab run loss --loss 20%", "rawlab lab run loss --delay 100ms", "rawlab lab run reliable-udp"},
	Reading: []string{"RFC 768 (UDP)", "RFC 9293, section 3.8 (TCP sends again)", "RFC 7680 (a one-way loss metric)"},
	Defaults: Options{
		Events: 20_000, Size: 128, Pace: 2_500, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.05, Delay: 10 * time.Millisecond},
	},
	Takes: []string{
		"events", "size", "pace", "loss", "delay", "jitter", "distribution", "reorder", "duplicate", "corrupt", "rate", "queue",
		"aqm", "up", "down", "schedule", "rule", "seed", "ipv6", "reader-delay", "rcvbuf", "reliability", "congestion", "cc", "fragments", "transport", "tcp-info", "kernel-reasons",
	},
	run: runLoss,
}

func runLoss(ctx context.Context, o *Options) (*Outcome, error) {
	var plans []*plan
	for _, t := range []*transport{overTCP, o.udp()} {
		if o.Transport == "" || o.Transport == t.name {
			plans = append(plans, &plan{transport: t, script: steady})
		}
	}
	out := &Outcome{Result: newResult(o)}
	if err := out.conduct(ctx, o, plans...); err != nil {
		return nil, err
	}
	out.Result.Checks = lossChecks(o, out)
	out.Result.Story = lossStory(o, out)
	return out, nil
}

func lossChecks(o *Options, out *Outcome) []report.Check {
	tcp, tcpLedger := out.over("tcp")
	udp, udpLedger := out.over("udp")
	var checks []report.Check
	if tcp != nil {
		checks = append(checks, tcpCheck(tcp))
	}
	switch {
	case udp == nil:
	case udp.OnRung():
		checks = append(checks, rungChecks(o, udp, udpLedger, o.udp().complete)...)
	case o.plainLoss():
		checks = append(checks, lossCheck(o, udp))
	}
	if tcp != nil {
		checks = append(checks, retransmitCheck(tcpLedger))
	}
	return checks
}

func tcpCheck(tcp *report.Run) report.Check {
	return report.Check{
		Claim:    "TCP delivers every event exactly once",
		Measured: fmt.Sprintf("%s of %s, %d twice", report.Count(tcp.Delivered), report.Count(tcp.Emitted), tcp.Duplicates),
		Held:     tcp.Delivered == tcp.Emitted && tcp.Duplicates == 0,
	}
}

// plainLoss tells whether the wire does nothing but lose and delay packets,
// so that the share of events lost is known beforehand.
func (o *Options) plainLoss() bool {
	loss := false
	for _, i := range o.impairments() {
		if i.Down || i.Corrupt > 0 || i.Duplicate > 0 || i.Rate > 0 || i.Timed() || len(i.Rules) > 0 {
			return false
		}
		share, _ := i.LossShare()
		loss = loss || share > 0
	}
	return loss && o.Size <= 1300
}

func lossCheck(o *Options, udp *report.Run) report.Check {
	low, high := o.expectedHits(udp.Emitted, 1)
	lost := udp.Fates["wire-loss"]
	return report.Check{
		Claim:    fmt.Sprintf("UDP loses what two crossings of a wire with %s loss take", o.lossWords()),
		Measured: fmt.Sprintf("%s events, expected %s to %s", report.Count(lost), report.Count(low), report.Count(high)),
		Held:     lost >= low && lost <= high || udp.Fates["receive-buffer"] > 0 && lost <= high,
	}
}

// expectedHits is the range of how many of so many events, each crossing the
// wire twice, a plain loss takes; up to shared of them are hit at a time.
func (o *Options) expectedHits(events int, shared float64) (low, high int) {
	i := o.impairments()
	there, spreadThere := i[0].LossShare()
	back, spreadBack := i[1].LossShare()
	return binomial(events, 1-(1-there)*(1-back), shared*max(spreadThere, spreadBack))
}

// lossWords is the wire's loss, of both ways if they differ.
func (o *Options) lossWords() string {
	i := o.impairments()
	there, _ := i[0].LossShare()
	back, _ := i[1].LossShare()
	if back != there {
		return percent(there) + " and " + percent(back)
	}
	return percent(there)
}

// retransmitCheck holds the wire's count against the kernels' own.
func retransmitCheck(l *account.Ledger) report.Check {
	return report.Check{
		Claim:    "the TCP segments seen twice on the wire are those that the kernels say they sent again",
		Measured: fmt.Sprintf("%s seen, %s counted", report.Count(l.Retransmits), report.Count(l.ToldRetransmits)),
		Held:     int64(l.Retransmits) == l.ToldRetransmits,
	}
}
