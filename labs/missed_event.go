package labs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/tcpq"
)

// MissedEvent shows what becomes of events while somebody on their way is away.
var MissedEvent = &Lab{
	Name:     "missed-event",
	Question: "what becomes of an event while its subscriber, the network or the server is away?",
	Varies:   "who is away, and the topic's policy, ignore or store, over TCP and over UDP",
	Held:     "events, pace, a wire that loses nothing while it is there, and when each leaves and returns",
	Expect:   "while the subscriber is away, ignored events are gone and stored ones wait, and a receipt tells how many; what meets no network TCP sends again and UDP does not; what meets no server is the emitter's to keep",
	Predict: Prediction{
		Ask:  "Of %s events a fifth each is emitted while the subscriber, the network and the server are away. How many does the subscriber get over TCP, on a topic that ignores?",
		Unit: "events", Given: func(o *Options) string { return report.Count(o.Events) },
		Answer: func(r *report.Result) float64 { return float64(r.Runs[0].Delivered) },
	},
	Next:    []string{"rawlab lab run missed-event --reliability ack", "rawlab lab run acks", "rawlab serve --tcp 127.0.0.1:9700 --data queue"},
	Reading: []string{"MQTT 5.0, section 4.1 (what a session stores)", "RFC 9293, sections 3.6 (closing) and 3.8 (sending again)"},
	Defaults: Options{
		Events: 30, Size: 128, Pace: 1_000, Seed: 1,
		Impairment: wire.Impairment{Delay: 5 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "delay", "seed", "ipv6", "reliability", "congestion", "tcp-info"},
	run:   runMissedEvent,
}

// parts is how many parts the events have: before anybody leaves, while each
// of three is away, and after all have returned.
const parts = 5

// downFor is how long the network is away at least.
const downFor = 300 * time.Millisecond

// absence is what the absences of one run came to.
type absence struct {
	each, after int // events of each part, and of the last
	policy      queue.Policy
	plain       bool // nobody sends again what the wire loses
	complete    bool // everything that the wire loses is sent again

	receipt  framing.Receipt // that the subscriber got when it returned
	again    framing.Receipt // and when the server did
	late     time.Duration   // until the first event came once the network had returned
	refusals int             // events that the emitter was told at once nobody takes
}

func runMissedEvent(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Events < parts {
		return nil, &OptionError{fmt.Errorf("--events %d: needs at least %d, to have some before, during and after each absence", o.Events, parts)}
	}
	out := &Outcome{Result: newResult(o)}
	var plans []*plan
	var absences []*absence
	for _, t := range []*transport{overTCP, o.udp()} {
		for _, policy := range []queue.Policy{queue.PolicyIgnore, queue.PolicyStore} {
			a := &absence{each: o.Events / parts, policy: policy, plain: !t.stream && !t.rung, complete: t.complete}
			a.after = o.Events - (parts-1)*a.each
			p := &plan{transport: t, variant: policy.String(), name: "bob", forced: true, script: a.script}
			if policy == queue.PolicyIgnore {
				p.topics = map[string]queue.Policy{topic: policy} // otherwise listening under a name stores
			}
			plans, absences = append(plans, p), append(absences, a)
		}
	}
	if err := out.conduct(ctx, o, plans...); err != nil {
		return nil, err
	}
	r := out.Result
	for i, a := range absences {
		r.Checks = append(r.Checks, a.checks(&r.Runs[i])...)
	}
	r.Details = absencesTable(r.Runs, absences)
	r.Story = absencesStory(r.Runs, absences)
	return out, nil
}

// script emits a part of the events before each absence, during it and after
// the last.
func (a *absence) script(ctx context.Context, x *transfer) error {
	if err := x.emit(ctx, a.each); err != nil {
		return err
	}
	if err := x.settle(ctx, a.each); err != nil {
		return err
	}
	for _, away := range []func(context.Context, *transfer) error{a.subscriberAway, a.networkAway, a.serverAway} {
		if err := away(ctx, x); err != nil {
			return err
		}
	}
	before := x.delivered()
	if err := x.emit(ctx, a.after); err != nil {
		return err
	}
	return x.settle(ctx, before+a.after)
}

// subscriberAway emits while the subscriber is away, and lets it return.
func (a *absence) subscriberAway(ctx context.Context, x *transfer) error {
	if err := x.leave(ctx); err != nil {
		return err
	}
	if err := x.emit(ctx, a.each); err != nil {
		return err
	}
	arrived := func(now standing, _ int) bool { return now.read >= 2*a.each }
	if err := x.until(ctx, arrived); err != nil {
		return err
	}
	before := x.delivered()
	var err error
	if a.receipt, err = x.listen(ctx); err != nil {
		return err
	}
	return x.settle(ctx, before+int(a.receipt.Replayed))
}

// networkAway emits while the wire carries nothing, either way.
func (a *absence) networkAway(ctx context.Context, x *transfer) error {
	before := x.delivered()
	down := wire.Impairment{Down: true}
	if err := x.network.Impair(x.options.Seed, [2]wire.Impairment{down, down}); err != nil {
		return err
	}
	gone := x.clock.Now()
	if err := x.emit(ctx, a.each); err != nil {
		return err
	}
	if err := x.wait(ctx, gone.Add(downFor).Sub(x.clock.Now())); err != nil {
		return err
	}
	back := x.clock.Now()
	if err := x.network.Impair(x.options.Seed, x.options.impairments()); err != nil {
		return err
	}
	err := x.settle(ctx, before+a.each)
	if x.delivered() > before {
		a.late = x.deliveredSince(before).Sub(back)
	}
	return err
}

// serverAway emits while there is no server, and starts it again with what it
// had stored.
func (a *absence) serverAway(ctx context.Context, x *transfer) error {
	if err := x.rest(ctx); err != nil {
		return err
	}
	known := func(standing, int) bool { return x.caughtUp() } // else what was delivered last comes again
	if err := x.until(ctx, known); err != nil {
		return err
	}
	x.leaveSocket()
	if err := x.stopServer(); err != nil {
		return err
	}
	if err := a.emitToNobody(ctx, x); err != nil {
		return err
	}
	x.part(&x.emitter) // they are over, and say so once more
	x.part(&x.listener)
	if err := x.startServer(ctx); err != nil {
		return err
	}
	var err error
	if a.again, err = x.listen(ctx); err != nil {
		return err
	}
	return x.dialEmitter(ctx, secondID)
}

// caughtUp reports whether the server knows that the subscriber has all that
// is stored for it.
func (x *transfer) caughtUp() bool {
	_, next := x.store.Bounds(topic)
	all := true
	err := x.store.Cursors(topic, func(_ string, at uint64) { all = all && at == next })
	return all && err == nil
}

// emitToNobody emits once the client has been told that the server has gone.
func (a *absence) emitToNobody(ctx context.Context, x *transfer) error {
	listening, ok := x.emitter.(interface {
		Next(context.Context) (tcpq.Event, error)
	})
	if !ok {
		return fmt.Errorf("%T does not tell when its conversation is over", x.emitter)
	}
	if _, err := listening.Next(ctx); err == nil {
		return errors.New("the emitter got an event, and listens to nothing")
	}
	for range a.each {
		now := x.clock.Now()
		if _, err := x.emitter.EmitAt(now, topic, alphabet(x.options.Size)); err == nil {
			return errors.New("the client took an event after its conversation was over")
		}
		a.refusals++
		id := account.ID{Origin: x.origin, Sequence: uint64(len(x.input.Emissions)) + 1}
		x.input.Emissions = append(x.input.Emissions, account.Emission{ID: id, Time: now, Refused: true})
	}
	return ctx.Err()
}
