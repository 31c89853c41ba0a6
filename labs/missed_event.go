package labs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// MissedEvent shows what becomes of events while their subscriber is away.
var MissedEvent = &Lab{
	Name:     "missed-event",
	Question: "what becomes of an event whose subscriber is away?",
	Varies:   "the topic's policy, ignore or store, over TCP and over UDP",
	Held:     "events, pace, a wire that loses nothing, and when the subscriber leaves and returns",
	Expect:   "ignored events are gone; stored ones wait, and a receipt tells the returning client how many",
	Predict: Prediction{
		Ask:  "Of %s events a third is emitted while the subscriber is away, on a topic that ignores. How many does it get in all?",
		Unit: "events", Given: func(o *Options) string { return report.Count(o.Events) },
		Answer: func(r *report.Result) float64 { return float64(r.Runs[0].Delivered) },
	},
	Next:    []string{"rawlab lab run missed-event --reliability ack", "rawlab serve --tcp 127.0.0.1:9700 --data queue"},
	Reading: []string{"MQTT 5.0, section 4.1 (what a session stores)", "RFC 9293, section 3.6 (closing a connection)"},
	Defaults: Options{
		Events: 30, Size: 128, Pace: 1_000, Seed: 1,
		Impairment: wire.Impairment{Delay: 5 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "delay", "seed", "ipv6", "reliability", "congestion", "tcp-info"},
	run:   runMissedEvent,
}

// absence is what one subscriber's absence came to.
type absence struct {
	before, away, after int // events emitted before it left, while it was away, after it returned
	receipt             framing.Receipt
}

func runMissedEvent(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Events < 3 {
		return nil, &OptionError{fmt.Errorf("--events %d: needs at least 3, to have some before, during and after the absence", o.Events)}
	}
	out := &Outcome{Result: newResult(o)}
	var plans []*plan
	var absences []*absence
	for _, t := range []*transport{overTCP, o.udp()} {
		for _, policy := range []queue.Policy{queue.PolicyIgnore, queue.PolicyStore} {
			a := &absence{before: o.Events / 3, away: o.Events / 3}
			a.after = o.Events - a.before - a.away
			p := &plan{transport: t, variant: policy.String(), name: "bob", script: a.script}
			if policy == queue.PolicyIgnore {
				p.topics = map[string]queue.Policy{topic: policy} // otherwise listening under a name stores
			}
			plans, absences = append(plans, p), append(absences, a)
		}
	}
	if err := out.conduct(ctx, o, plans...); err != nil {
		return nil, err
	}
	for i, a := range absences {
		out.Result.Checks = append(out.Result.Checks, a.check(&out.Result.Runs[i]))
	}
	out.Result.Details = receipts(out.Result.Runs, absences)
	out.Result.Story = absences[0].story()
	return out, nil
}

// script emits a third of the events, lets the subscriber leave, emits
// another third, lets it return, and emits the rest.
func (a *absence) script(ctx context.Context, x *transfer) error {
	if err := x.emit(ctx, a.before); err != nil {
		return err
	}
	if err := x.settle(ctx, a.before); err != nil {
		return err
	}
	if err := x.leave(ctx); err != nil {
		return err
	}
	if err := x.emit(ctx, a.away); err != nil {
		return err
	}
	arrived := func(now standing, _ int) bool { return now.read >= a.before+a.away }
	if err := x.until(ctx, arrived); err != nil {
		return err
	}
	var err error
	if a.receipt, err = x.listen(ctx); err != nil {
		return err
	}
	if err := x.emit(ctx, a.after); err != nil {
		return err
	}
	return x.settle(ctx, a.before+int(a.receipt.Replayed)+a.after)
}

// check holds a run against what its policy promises.
func (a *absence) check(u *report.Run) report.Check {
	c := report.Check{
		Measured: fmt.Sprintf("%d delivered, %d offline, receipt: %d replayed", u.Delivered, u.Fates["offline"], a.receipt.Replayed),
	}
	if u.Variant == queue.PolicyIgnore.String() {
		c.Claim = fmt.Sprintf("%s: the %d events of the absence are gone, and only they", u.Name(), a.away)
		c.Held = u.Fates["offline"] == a.away && u.Delivered == u.Emitted-a.away && a.receipt.Replayed == 0
		return c
	}
	c.Claim = fmt.Sprintf("%s: all events are delivered once, %d of them on return", u.Name(), a.away)
	c.Held = u.Delivered == u.Emitted && u.Duplicates == 0 && a.receipt.Replayed == uint64(a.away) && a.receipt.Expired.Len() == 0
	return c
}

// receipts shows what each returning subscriber was told.
func receipts(runs []report.Run, absences []*absence) string {
	var b strings.Builder
	b.WriteString("what the returning subscriber was told\n")
	for i, a := range absences {
		r := &a.receipt
		fmt.Fprintf(&b, "  %-15s receipt: %d replayed, %d expired, offsets [%d, %d)\n", runs[i].Name(), r.Replayed, r.Expired.Total(), r.From, r.To)
	}
	return b.String()
}

func (a *absence) story() []string {
	return []string{
		fmt.Sprintf("The subscriber, bob, heard %d events, left, and returned after %d more. On a topic that ignores, the server had nobody to give those to and let them go: their fate is offline, and nobody would have known without the account.", a.before, a.away),
		fmt.Sprintf("On a topic that stores, the server kept them in the topic's log and bob's place in it. On return it sent the receipt, then the %d events, then went on live. The transport makes no difference here: what an absence costs is up to the queue.", a.away),
	}
}
