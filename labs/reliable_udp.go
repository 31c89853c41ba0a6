package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// ReliableUDP climbs UDP's ladder of reliability on the same lossy wire.
var ReliableUDP = &Lab{
	Name:     "reliable-udp",
	Question: "what does it cost UDP to lose nothing, and what does TCP pay?",
	Varies:   "what is done for events that the wire loses: nothing, a rung of UDP's ladder, TCP",
	Held:     "events, pace, wire, seed, queue server",
	Expect:   "without a rung what is lost stays lost; with one it comes, later and in more bytes, and what the wire took is the same",
	Predict: Prediction{
		Ask:  "The wire loses %s of the packets. One event in a hundred takes how long or longer over UDP with ack?",
		Unit: "ms", Given: (*Options).lossWords,
		Answer: func(r *report.Result) float64 {
			for i := range r.Runs {
				if u := &r.Runs[i]; u.Reliability == string(udpq.ReliabilityAck) && u.LatencyUS != nil {
					return u.LatencyUS.P99 / 1e3
				}
			}
			return 0
		},
	},
	Next:    []string{"rawlab lab run reliable-udp --loss 20%", "rawlab lab run reliable-udp --delay 100ms", "rawlab lab run loss --reliability fec"},
	Reading: []string{"RFC 9002 (loss detection)", "RFC 8085 (how to use UDP)", "RFC 8985 (RACK)"},
	Defaults: Options{
		Events: 4_000, Size: 128, Pace: 500, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.05, Delay: 10 * time.Millisecond},
	},
	Takes: []string{
		"events", "size", "pace", "loss", "delay", "jitter", "distribution", "reorder", "duplicate", "corrupt", "rate", "queue",
		"aqm", "up", "down", "schedule", "rule", "seed", "ipv6", "fragments", "tcp-info",
	},
	run: runReliableUDP,
}

func runReliableUDP(ctx context.Context, o *Options) (*Outcome, error) {
	plans := []*plan{{transport: overTCP, script: steady}}
	for _, name := range udpq.Reliabilities() {
		p := &plan{transport: overUDP(udpq.Reliability(name)), script: steady}
		if !p.transport.rung {
			p.variant = name
		}
		plans = append(plans, p)
	}
	out := &Outcome{Result: newResult(o)}
	if err := out.conduct(ctx, o, plans...); err != nil {
		return nil, err
	}
	none := &out.Result.Runs[1]
	for i, p := range plans {
		out.Result.Checks = append(out.Result.Checks, ladderChecks(o, p, &out.Evidence[i], &out.Result.Runs[i], none)...)
	}
	out.Result.Story = ladderStory(out.Result)
	return out, nil
}

// ladderChecks hold one run against what it promises, and against UDP that
// does nothing.
func ladderChecks(o *Options, p *plan, e *report.Evidence, u, none *report.Run) []report.Check {
	switch {
	case p.transport.stream:
		return []report.Check{tcpCheck(u), retransmitCheck(e.Ledger)}
	case !p.transport.rung && o.plainLoss():
		return []report.Check{lossCheck(o, u)}
	case !p.transport.rung:
		return nil
	}
	checks := rungChecks(o, u, e.Ledger, p.transport.complete)
	if !o.plainLoss() {
		return checks
	}
	checks = append(checks, report.Check{
		Claim:    fmt.Sprintf("%s loses fewer events than UDP without a rung, if that loses any", title(u)),
		Measured: fmt.Sprintf("%s and %s", report.Count(u.Emitted-u.Delivered), report.Count(none.Emitted-none.Delivered)),
		Held:     u.Delivered > none.Delivered || none.Delivered == none.Emitted,
	})
	if e.Ledger.Shared <= 1 {
		checks = append(checks, report.Check{
			Claim:    fmt.Sprintf("the wire hits the same events over %s as without a rung", title(u)),
			Measured: fmt.Sprintf("%s and %s events, digests %.8s and %.8s", report.Count(u.WireHit), report.Count(none.WireHit), u.LostDigest, none.LostDigest),
			Held:     u.LostDigest == none.LostDigest,
		})
	}
	return checks
}

// ladderStory says what each run did about what the wire took, and what that
// cost.
func ladderStory(r *report.Result) []string {
	var story []string
	for i := range r.Runs {
		u := &r.Runs[i]
		text := ladderWords[u.Reliability]
		if text == "" {
			text = title(u) + "."
		}
		text += fmt.Sprintf(" Here it delivered %s of %s events", report.Count(u.Delivered), report.Count(u.Emitted))
		if u.Transport == "tcp" || u.OnRung() {
			text += fmt.Sprintf(", sent %s again", report.Count(u.Retransmits))
		}
		if overhead, ok := u.Overhead(); ok {
			text += fmt.Sprintf(", used %.2f bytes on the wire for a byte of payload", overhead)
		}
		if u.LatencyUS != nil {
			text += fmt.Sprintf(", and delivered half of the events within %s and all but one in a hundred within %s", report.Milliseconds(u.LatencyUS.P50), report.Milliseconds(u.LatencyUS.P99))
		}
		story = append(story, text+".")
	}
	return story
}

// ladderWords say how each reliability goes about it, and where that is
// written.
var ladderWords = map[string]string{
	"tcp":  "TCP numbers bytes, has them acknowledged, and sends again what is missing; what came behind it waits (RFC 9293, section 3.8; RFC 6675).",
	"none": "UDP sends each event once (RFC 768): what the wire takes is gone, and nothing waits for it.",
	"ack":  "UDP with ack numbers datagrams and has them acknowledged; what three later ones overtook, or a timer gives up, is sent again, and what came behind it waits (RFC 9000, section 13.2; RFC 9002, section 6).",
	"nack": "UDP with nack says nothing while all is well: the receiver asks for what is missing, and what came behind it waits (RFC 5740, section 5.3, does so for many receivers).",
	"fec":  "UDP with fec sends parity beside the events, out of which the receiver makes good what is missing, without asking (RFC 5510: Reed and Solomon's code; RFC 8680: a window that slides).",
}
