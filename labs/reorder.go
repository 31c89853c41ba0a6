package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Reorder lets packets overtake each other.
var Reorder = &Lab{
	Name:     "reorder",
	Question: "what do TCP and UDP make of packets that overtake each other?",
	Varies:   "the transport: TCP, plain UDP, UDP with ack",
	Held:     "a wire that loses nothing and lets a share of the packets skip its delay; events, pace, seed",
	Expect:   "plain UDP delivers in the order of arrival; TCP and ack put everything back in order, which takes time, and may take a late packet for a lost one",
	Predict: Prediction{
		Ask:  "Nothing is lost, and %s of the packets skip the delay. How many TCP segments are sent a second time all the same?",
		Unit: "segments", Given: func(o *Options) string { return percent(o.Impairment.Reorder) },
		Answer: func(r *report.Result) float64 { return float64(r.Runs[0].Retransmits) },
	},
	Defaults: Options{
		Events: 8_000, Size: 128, Pace: 2_000, Seed: 1,
		Impairment: wire.Impairment{Reorder: 0.1, Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "delay", "jitter", "distribution", "reorder", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run reorder --reorder '10% gap 5'",
		"rawlab lab run reorder --reorder 0 --jitter 5ms",
		"rawlab lab run loss --reorder 10%",
	},
	Reading: []string{"RFC 4737 (packet reordering metrics)", "RFC 5681, section 3.2 (fast retransmit)", "RFC 8985, section 3.3 (a reordering window)"},
	run:     runReorder,
}

func runReorder(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	trials := append(overBoth("", nil), trial{overUDP(udpq.ReliabilityAck), "", nil})
	if err := out.try(ctx, o, trials...); err != nil {
		return nil, err
	}
	r := out.Result
	r.Checks = reorderChecks(o, out)
	r.Story = reorderStory(o, out)
	return out, nil
}

func reorderChecks(o *Options, out *Outcome) []report.Check {
	runs := out.Result.Runs
	var checks []report.Check
	lost := 0
	for i := range runs {
		checks = append(checks, completeCheck(&runs[i]))
		lost += out.Evidence[i].Ledger.Lost
	}
	checks = append(checks, check(lost == 0, "the wire loses no packet", "%s lost", report.Count(lost)))
	if o.Impairment.Reorder > 0 || o.Impairment.Jitter > 0 {
		udp := reordered(&runs[1])
		checks = append(checks, check(udp > 0, "plain UDP delivers events after later ones", "%s of %s (RFC 4737)", report.Count(udp), report.Count(runs[1].Delivered)))
	}
	for _, i := range []int{0, 2} {
		n := reordered(&runs[i])
		checks = append(checks, check(n == 0, runs[i].Name()+" delivers every event in order", "%s out of order", report.Count(n)))
	}
	return append(checks, retransmitCheck(out.Evidence[0].Ledger))
}

// reordered is how many events came after later ones.
func reordered(u *report.Run) int {
	if u.Reordered == nil {
		return 0
	}
	return u.Reordered.Events
}

func reorderStory(o *Options, out *Outcome) []string {
	tcp, udp, ack := &out.Result.Runs[0], &out.Result.Runs[1], &out.Result.Runs[2]
	story := []string{fmt.Sprintf("UDP knows no order: the subscriber got %s of %s events after one that was emitted later, at most %d places late.",
		report.Count(reordered(udp)), report.Count(udp.Delivered), placesLate(udp))}
	for _, u := range []*report.Run{tcp, ack} {
		if u.LatencyUS == nil || udp.LatencyUS == nil {
			continue
		}
		text := fmt.Sprintf("%s held back what came early until what was before it had come: half of its events took %s or more, and %s over plain UDP.",
			transportTitle(u), report.Milliseconds(u.LatencyUS.P50), report.Milliseconds(udp.LatencyUS.P50))
		switch {
		case u.Retransmits > 0:
			text += fmt.Sprintf(" It took %s late packets for lost and sent their bytes again, for nothing: a sender cannot tell late from lost but by waiting.", report.Count(u.Retransmits))
		default:
			text += " It took no late packet for a lost one."
		}
		story = append(story, text)
	}
	return story
}

func placesLate(u *report.Run) int {
	if u.Reordered == nil {
		return 0
	}
	return u.Reordered.ExtentMax
}

// transportTitle is a run's name as a sentence begins with it.
func transportTitle(u *report.Run) string {
	if u.Transport == "tcp" {
		return "TCP"
	}
	return title(u)
}
