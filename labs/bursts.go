package labs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Bursts loses as many packets one by one as in bursts.
var Bursts = &Lab{
	Name:     "bursts",
	Question: "does it matter whether a wire loses packets one by one or in bursts?",
	Varies:   "how losses are spread: each packet on its own, then in bursts; over TCP, plain UDP, and UDP with fec",
	Held:     "the share of packets lost, events, pace, delay, seed",
	Expect:   "as many events are lost, but in longer gaps; and parity, which makes good a few missing datagrams, does not fill a long gap",
	Predict: Prediction{
		Ask:  "Losses of %s come in bursts of 5 packets on average. How many events long is the average gap at the subscriber of plain UDP?",
		Unit: "events", Given: (*Options).lossWords,
		Answer: func(r *report.Result) float64 { return r.Figures["udp bursts gap"] },
	},
	Defaults: Options{
		Events: 8_000, Size: 128, Pace: 2_000, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.03, Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "loss", "delay", "jitter", "distribution", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run bursts --loss 10%",
		"rawlab lab run loss --loss 'gemodel 1% 10%'",
		"rawlab lab run reliable-udp --loss 'gemodel 1% 20%'",
	},
	Reading: []string{"RFC 3357 (patterns of loss)", "RFC 8680 (parity over a sliding window)", "netem's 'loss gemodel' (tc-netem(8))"},
	run:     runBursts,
}

// burstLength is how many packets a burst takes on average.
const burstLength = 5

func runBursts(ctx context.Context, o *Options) (*Outcome, error) {
	i := o.impairments()
	if share, _ := i[0].LossShare(); o.Back != nil || o.Impairment.Burst != (wire.Gilbert{}) || share <= 0 || share > 0.5 {
		return nil, &OptionError{fmt.Errorf("--loss: give the share that is lost either way, over 0 and at most 50%%; the lab makes the bursts of it")}
	}
	fec := overUDP(udpq.ReliabilityFEC)
	trials := append(overBoth("alone", nil), trial{fec, "alone", nil})
	trials = append(append(trials, overBoth("bursts", inBursts)...), trial{fec, "bursts", inBursts})
	out := &Outcome{Result: newResult(o)}
	if err := out.try(ctx, o, trials...); err != nil {
		return nil, err
	}
	r := out.Result
	r.Figures = map[string]float64{}
	for i := range r.Runs {
		if u := &r.Runs[i]; u.Transport == "udp" {
			r.Figures[u.Name()+" gap"] = gaps(out.Evidence[i].Ledger).mean()
		}
	}
	r.Details = gapsTable(out)
	r.Checks = burstsChecks(o, out)
	r.Story = burstsStory(out)
	return out, nil
}

// inBursts turns losses of packets on their own into as many in bursts.
func inBursts(o *Options) {
	loss := o.Impairment.Loss
	o.Impairment.Burst = wire.Gilbert{P: loss / (1 - loss) / burstLength, R: 1.0 / burstLength, BadLoss: 1}
	o.Impairment.Loss = 0
}

// gapCount is how many runs of events were missing, one right after the other
// by their numbers, and how long they were (RFC 3357, section 5).
type gapCount struct{ gaps, events, longest int }

func (g gapCount) mean() float64 { return float64(g.events) / float64(max(1, g.gaps)) }

// gaps counts the gaps in what was delivered.
func gaps(l *account.Ledger) gapCount {
	var g gapCount
	length := 0
	for i := range l.Events {
		if l.Events[i].Fate == "" {
			length = 0
			continue
		}
		if length++; length == 1 {
			g.gaps++
		}
		g.events++
		g.longest = max(g.longest, length)
	}
	return g
}

func gapsTable(out *Outcome) string {
	var text strings.Builder
	text.WriteString("gaps in what was delivered             gaps  events  mean length  longest\n")
	for i := range out.Result.Runs {
		g := gaps(out.Evidence[i].Ledger)
		text.WriteString(fmt.Sprintf("  %-34s %6s %7s %12.2f %8d\n", out.Result.Runs[i].Name(), report.Count(g.gaps), report.Count(g.events), g.mean(), g.longest))
	}
	return text.String()
}

// The runs of the lab by what they are.
const (
	aloneTCP = iota
	aloneUDP
	aloneFEC
	burstsTCP
	burstsUDP
	burstsFEC
)

func burstsChecks(o *Options, out *Outcome) []report.Check {
	runs := out.Result.Runs
	bursty := *o
	inBursts(&bursty)
	alone, burst := gaps(out.Evidence[aloneUDP].Ledger), gaps(out.Evidence[burstsUDP].Ledger)
	aloneLost, burstsLost := lostShare(&runs[aloneFEC]), lostShare(&runs[burstsFEC])
	return []report.Check{
		completeCheck(&runs[aloneTCP]), completeCheck(&runs[burstsTCP]),
		lossCheck(o, &runs[aloneUDP]), lossCheck(&bursty, &runs[burstsUDP]),
		check(burst.mean() > alone.mean(), "in bursts the gaps of plain UDP are longer", "%.2f events on average, and %.2f one by one", burst.mean(), alone.mean()),
		check(aloneLost <= burstsLost, "with fec no fewer events stay lost in bursts than one by one", "%.3f %%, and %.3f %% one by one", 100*burstsLost, 100*aloneLost),
	}
}

func lostShare(u *report.Run) float64 {
	return float64(u.Emitted-u.Delivered) / float64(max(1, u.Emitted))
}

func burstsStory(out *Outcome) []string {
	runs := out.Result.Runs
	alone, burst := gaps(out.Evidence[aloneUDP].Ledger), gaps(out.Evidence[burstsUDP].Ledger)
	story := []string{
		fmt.Sprintf("Plain UDP lost %s of its events one by one and %s in bursts. One by one they left %s gaps of %.2f events on average, the longest %d; in bursts %s gaps of %.2f, the longest %d. A share of loss alone does not say which.",
			shareWords(lostShare(&runs[aloneUDP])), shareWords(lostShare(&runs[burstsUDP])), report.Count(alone.gaps), alone.mean(), alone.longest, report.Count(burst.gaps), burst.mean(), burst.longest),
		fmt.Sprintf("UDP with fec sends parity beside the events, and its receiver makes good what is missing as long as no more is missing than parity came. Of the losses one by one %s of the events stayed lost, of those in bursts %s.",
			shareWords(lostShare(&runs[aloneFEC])), shareWords(lostShare(&runs[burstsFEC]))),
	}
	if a, b := runs[aloneTCP].LatencyUS, runs[burstsTCP].LatencyUS; a != nil && b != nil {
		story = append(story, fmt.Sprintf("TCP lost no event to either, and made them wait: one in a hundred took %s or more one by one, %s or more in bursts, in which more of its segments went missing at a time.",
			report.Milliseconds(a.P99), report.Milliseconds(b.P99)))
	}
	return story
}

// shareWords writes a share as a percentage of two digits that mean something.
func shareWords(s float64) string {
	if s == 0 {
		return "none"
	}
	return fmt.Sprintf("%.2g %%", 100*s)
}
