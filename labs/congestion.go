package labs

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// CongestionControl sends the same events under several congestion controls.
var CongestionControl = &Lab{
	Name:     "congestion",
	Question: "what do TCP's congestion controls make of a wire that loses packets though nobody is in the way?",
	Varies:   "the congestion control: reno, cubic, bbr (virtual hosts have reno alone)",
	Held:     "a wire without a limit, its loss, which takes the same segments from each; events, seed",
	Expect:   "reno and cubic take each loss for a full queue and slow down; bbr goes by the rate that it gets",
	Predict: Prediction{
		Ask:  "The wire loses %s of the packets and is never full. How many Mbit/s of events does TCP with reno carry?",
		Unit: "Mbit/s", Given: (*Options).lossWords,
		Answer: func(r *report.Result) float64 { return r.Figures["tcp reno Mbit/s"] },
	},
	Defaults: Options{
		Events: 3_000, Size: 1_000, Pace: 100_000, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.01, Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "loss", "delay", "jitter", "distribution", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run congestion --loss 0.1% --events 20000",
		"rawlab lab run congestion --tcp-info 50ms",
		"rawlab lab run fairness",
	},
	Reading: []string{"RFC 5681 (reno)", "RFC 9438 (cubic)", "Cardwell et al., ACM Queue 14 (2016) (bbr)", "Mathis et al., CCR 27 (1997) (how loss bounds a rate)"},
	run:     runCongestion,
}

func runCongestion(ctx context.Context, o *Options) (*Outcome, error) {
	controls := []string{"reno"}
	if o.backend() == BackendKernel {
		for _, name := range []string{"cubic", "bbr"} {
			if slices.Contains(congestionControls(), name) {
				controls = append(controls, name)
			}
		}
	}
	var trials []trial
	for _, name := range controls {
		trials = append(trials, trial{overTCP, name, func(o *Options) { o.TCPCongestion = name }})
	}
	out := &Outcome{Result: newResult(o)}
	recordings, err := out.tryAndKeep(ctx, o, trials...)
	if err != nil {
		return nil, err
	}
	r := out.Result
	r.Scenario.CongestionControl = strings.Join(controls, ", ")
	r.Figures = map[string]float64{}
	for i := range r.Runs {
		u := &r.Runs[i]
		r.Checks = append(r.Checks, completeCheck(u), sharedLossCheck(o, u.Name(), recordings[i]))
		if u.LatencyUS != nil {
			r.Figures[u.Name()+" Mbit/s"] = goodput(u)
		}
	}
	r.Details = goodputTable(r)
	if reno, bbr := r.Figures["tcp reno Mbit/s"], r.Figures["tcp bbr Mbit/s"]; bbr > 0 && o.plainWire() && o.Impairment.Loss >= 0.01 && o.Events >= 2_000 {
		r.Checks = append(r.Checks, check(bbr > reno, "where losses say nothing of a queue, bbr carries more than reno", "%.2f and %.2f Mbit/s", bbr, reno))
	}
	r.Story = congestionStory(o, r)
	return out, nil
}

// goodput is the payload that a run delivered per time, in Mbit/s, from the
// first event's emit to the last one's delivery.
func goodput(u *report.Run) float64 {
	if u.LatencyUS == nil || u.LatencyUS.Max <= 0 || u.Emitted == 0 {
		return 0
	}
	return float64(u.PayloadBytes) * float64(u.Delivered) / float64(u.Emitted) * 8 / u.LatencyUS.Max
}

func goodputTable(r *report.Result) string {
	var b strings.Builder
	b.WriteString("payload carried from end to end      Mbit/s   segments sent again\n")
	for i := range r.Runs {
		fmt.Fprintf(&b, "  %-32s %8.2f %21s\n", r.Runs[i].Name(), goodput(&r.Runs[i]), report.Count(r.Runs[i].Retransmits))
	}
	return b.String()
}

// sharedLossCheck holds what the wire took of TCP's packets against its loss.
func sharedLossCheck(o *Options, name string, r *Recording) report.Check {
	packets, lost := 0, 0
	for leg := range r.Wire {
		for _, p := range r.Wire[leg].Passages {
			packets++
			if p.Fate == account.PacketLost {
				lost++
			}
		}
	}
	share, variance := o.Impairment.LossShare()
	low, high := binomial(packets, share, variance)
	return check(lost <= high && (lost >= low || !o.plainWire()), name+": the wire takes its share of the packets, and no more",
		"%s of %s, expected %s at most", report.Count(lost), report.Count(packets), report.Count(high))
}

func congestionStory(o *Options, r *report.Result) []string {
	trip := 2 * o.Impairment.Delay
	text := fmt.Sprintf("Nothing on this wire is ever full: it has no rate, only a delay of %v there and back and a loss of %s. TCP cannot know that. Reno halves what it has under way at a loss and adds a segment per round trip after, which comes to about 1.2 segments/√loss under way at a time; cubic falls less and climbs back sooner.", trip, o.lossWords())
	if loss, _ := o.Impairment.LossShare(); loss > 0 && trip > 0 {
		rule := 1448 * 8 * 1.22 / (trip.Seconds() * math.Sqrt(loss)) / 1e6
		text += fmt.Sprintf(" By that rule reno carries %.1f Mbit/s over one crossing; over both it carried %.1f.", rule, r.Figures["tcp reno Mbit/s"])
	}
	if bbr, ok := r.Figures["tcp bbr Mbit/s"]; ok {
		return []string{text, fmt.Sprintf("Bbr measures at what rate its segments arrive and sends at that: a loss alone does not slow it down. It carried %.1f Mbit/s. On a wire that others share that is not politeness but a bet: see the lab 'fairness'.", bbr)}
	}
	if o.backend() == BackendVirtual {
		return []string{text, "Virtual hosts have reno alone; kernel hosts show cubic and bbr beside it."}
	}
	return []string{text, "This machine's kernel has no bbr, which does not slow down for a loss alone (modprobe tcp_bbr may bring it)."}
}
