package labs

import (
	"context"
	"fmt"
	"slices"
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
	Expect:   "UDP loses what the wire loses and is never late; TCP loses nothing and pays in waiting",
	Defaults: Options{
		Events: 20_000, Size: 128, Pace: 2_500, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.05, Delay: 10 * time.Millisecond},
	},
	Takes: []string{
		"events", "size", "pace", "loss", "delay", "jitter", "reorder", "duplicate", "corrupt", "rate", "queue",
		"seed", "reader-delay", "rcvbuf",
	},
	run: runLoss,
}

func runLoss(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	if err := out.conduct(ctx, o, &plan{transport: overTCP, script: steady}, &plan{transport: overUDP, script: steady}); err != nil {
		return nil, err
	}
	tcp, udp := &out.Result.Runs[0], &out.Result.Runs[1]
	out.Result.Checks = lossChecks(o, out)
	out.Result.Story = lossStory(o, tcp, udp, out)
	return out, nil
}

func lossChecks(o *Options, out *Outcome) []report.Check {
	tcp, udp := &out.Result.Runs[0], &out.Result.Runs[1]
	checks := []report.Check{{
		Claim:    "TCP delivers every event exactly once",
		Measured: fmt.Sprintf("%s of %s, %d twice", report.Count(tcp.Delivered), report.Count(tcp.Emitted), tcp.Duplicates),
		Held:     tcp.Delivered == tcp.Emitted && tcp.Duplicates == 0,
	}}
	if o.Impairment.Loss > 0 {
		low, high := binomial(udp.Emitted, 1-(1-o.Impairment.Loss)*(1-o.Impairment.Loss))
		lost := udp.Fates["wire-loss"]
		plain := o.Impairment.Corrupt == 0 && o.Impairment.Duplicate == 0 && o.Impairment.Rate == 0 && o.Size <= 1300
		if plain {
			checks = append(checks, report.Check{
				Claim:    fmt.Sprintf("UDP loses what two crossings of a wire with %s loss take", percent(o.Impairment.Loss)),
				Measured: fmt.Sprintf("%s events, expected %s to %s", report.Count(lost), report.Count(low), report.Count(high)),
				Held:     lost >= low && lost <= high || udp.Fates["receive-buffer"] > 0 && lost <= high,
			})
		}
	}
	return append(checks, retransmitCheck(out.Evidence[0].Ledger))
}

// retransmitCheck holds the wire's count against the kernels' own.
func retransmitCheck(l *account.Ledger) report.Check {
	return report.Check{
		Claim:    "the TCP segments seen twice on the wire are those that the kernels say they sent again",
		Measured: fmt.Sprintf("%s seen, %s counted", report.Count(l.Retransmits), report.Count(l.KernelRetransmits)),
		Held:     int64(l.Retransmits) == l.KernelRetransmits,
	}
}

// lossStory says what happened and why, in this run's numbers.
func lossStory(o *Options, tcp, udp *report.Run, out *Outcome) []string {
	lost := udp.Emitted - udp.Delivered
	on := out.Evidence[1].Ledger.LostOn
	story := []string{"UDP lost nothing: the wire lost none of its packets, and nothing else did."}
	if lost > 0 {
		story[0] = fmt.Sprintf(
			"UDP lost %s of %s events (%s) for good: nobody sends a lost datagram again. Each event crosses the wire twice, to the server and on to the subscriber; the wire took %s on the way there and %s on the way back.",
			report.Count(lost), report.Count(udp.Emitted), report.Share(lost, udp.Emitted), report.Count(on[0]), report.Count(on[1]))
	}
	if others := otherFates(udp); others != "" {
		story = append(story, "Not only loss took events over UDP: "+others+".")
	}
	if tcp.LatencyUS == nil || udp.LatencyUS == nil {
		return append(story, fmt.Sprintf("TCP delivered %s of %s events.", report.Count(tcp.Delivered), report.Count(tcp.Emitted)))
	}
	again := "and none of its segments had to be sent again"
	if tcp.Retransmits > 0 {
		again = fmt.Sprintf("its hosts sent %s segments again, and what came behind a lost one had to wait for it", report.Count(tcp.Retransmits))
	}
	story = append(story, fmt.Sprintf(
		"TCP delivered %s of %s: %s. One event in a hundred took %s or more over TCP, and %s or more over UDP, where nothing waits for what was lost.",
		report.Count(tcp.Delivered), report.Count(tcp.Emitted), again,
		report.Milliseconds(tcp.LatencyUS.P99), report.Milliseconds(udp.LatencyUS.P99)))
	if fellBehind := time.Second; tcp.LatencyUS.P50 > float64(fellBehind.Microseconds()) {
		story = append(story, fmt.Sprintf(
			"TCP fell behind the pace of %g events per second: %s takes loss for congestion and slows down, so events wait at the emitter already, half of them for %s or more.",
			o.Pace, out.Result.Scenario.CongestionControl, report.Milliseconds(tcp.LatencyUS.P50)))
	}
	return story
}

// otherFates lists what else became of events than wire loss.
func otherFates(u *report.Run) string {
	var list []string
	for f, n := range u.Fates {
		if f != "wire-loss" && n > 0 {
			list = append(list, fmt.Sprintf("%s %s", report.Count(n), f))
		}
	}
	slices.Sort(list)
	return join(list)
}
