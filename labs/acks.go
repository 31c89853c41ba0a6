package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rawlab/framing"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// Acks crashes each end between any two steps of an event's way.
var Acks = &Lab{
	Name:     "acks",
	Question: "what does a crash lose, or repeat, and what can acknowledgements do about it?",
	Varies:   "what emitter and subscriber promise: at most once, at least once, deduplicated",
	Held:     "the server, a process of its own that SIGKILL ends and that keeps its topic on a disk (on virtual hosts within the lab's process, in memory that outlives it); the four crashes, each in the middle of three events; a wire that only delays",
	Expect:   "who never tries again loses; who tries again until it is acknowledged repeats; who also knows an event when it sees it again does neither",
	Predict: Prediction{
		Ask:   "The emitter, the server twice, and the subscriber crash once each. Of %s events, how many does the subscriber's application work on twice with delivery at least once?",
		Given: func(*Options) string { return report.Count(len(crashes) * perCrash) },
		Unit:  "events", Answer: func(r *report.Result) float64 { return float64(r.Runs[1].Duplicates) },
	},
	Defaults: Options{Events: len(crashes) * perCrash, Size: 32, Pace: 1_000, Seed: 1, Impairment: wire.Impairment{Delay: 5 * time.Millisecond}},
	Takes:    []string{"delay", "seed", "ipv6"},
	Next: []string{
		"rawlab lab run acks --delay 50ms",
		"rawlab lab run acks -o result; rawlab explain result/capture.pcapng",
		"rawlab serve --data queue   # kill -9 it, start it again, listen --as bob",
		"rawlab lab run missed-event",
	},
	Reading: []string{
		"MQTT 5.0, section 4.3 (quality of service 0, 1, 2)", "RFC 9293, section 3.8 (TCP's acknowledgements are not the application's)",
		"Saltzer, Reed and Clark, End-to-end arguments in system design (1984)",
	},
	run: runAcks,
}

// promise is what emitter and subscriber do about what may be lost.
type promise struct {
	name   string
	again  bool // the emitter waits for acknowledgements, and emits again what has none
	known  bool // and both ends keep an event's origin and sequence, and know it again
	wish   framing.Delivery
	before bool // the subscriber gives an event up as the server's before it works on it
}

var promises = []promise{
	{name: "at-most-once", wish: framing.AtMostOnce, before: true},
	{name: "at-least-once", wish: framing.AtLeastOnce, again: true},
	{name: "deduplicated", wish: framing.AtLeastOnce, again: true, known: true},
}

// crash is one end's, between two steps of an event's way.
type crash struct {
	name string
	run  func(*acking, context.Context) error
}

// perCrash is how many events are emitted around each crash, one of them in
// the middle of it.
const perCrash = 3

var crashes = []crash{
	{"the emitter, after emit, before the ack came", (*acking).emitterDies},
	{"the server, before it stored the event", func(a *acking, ctx context.Context) error { return a.serverDies(ctx, dieBeforeStore) }},
	{"the server, after it stored it, before the ack", func(a *acking, ctx context.Context) error { return a.serverDies(ctx, dieAfterStore) }},
	{"the subscriber, between its work and its ack", (*acking).subscriberDies},
}

// acking is one promise being kept, or not.
type acking struct {
	*promise
	b          *bench
	server     *mortalServer
	publisher  *publisher
	subscriber *subscriber
	emitted    int
	receipts   []framing.Receipt // that the subscriber got when it returned
	repeats    int               // events that came again, and were known
	refused    uint64            // events emitted again that the server knew
}

func runAcks(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	var all []*acking
	for i := range promises {
		a := &acking{promise: &promises[i]}
		if err := out.converse(ctx, o, overTCP, a.name, a.script); err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		all = append(all, a)
		o.progress("tcp "+a.name, a.emitted)
	}
	r := out.Result
	m := countMatrix(out.Evidence)
	r.Details = m.table()
	r.Checks = acksChecks(o, all, m)
	r.Story = acksStory(o, r, all, m)
	return out, nil
}

// script goes through every crash, each in the middle of three events.
func (a *acking) script(ctx context.Context, b *bench) (err error) {
	a.b, b.forced = b, true
	folder, err := os.MkdirTemp("", "rawlab-acks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	a.server = &mortalServer{b: b, folder: folder}
	a.publisher = &publisher{a: a, origin: emitterID}
	a.subscriber = &subscriber{a: a, known: map[eventID]bool{}}
	defer func() { err = errors.Join(err, a.killServer()) }()
	if err := a.begin(ctx); err != nil {
		return err
	}
	for i := range crashes {
		if err := a.around(ctx, &crashes[i]); err != nil {
			return fmt.Errorf("crash of %s: %w", crashes[i].name, err)
		}
	}
	return errors.Join(a.killServer(), a.publisher.die(), a.subscriber.die())
}

// killServer ends the server, and notes how many events it had known again.
func (a *acking) killServer() error {
	known, err := a.server.kill()
	a.refused += known
	return err
}

// begin starts everybody.
func (a *acking) begin(ctx context.Context) error {
	if err := a.server.start(ctx); err != nil {
		return err
	}
	if err := a.subscriber.start(ctx); err != nil {
		return err
	}
	return a.publisher.start(ctx)
}

// around emits an event, lives through a crash with the next, emits a third
// and waits until the subscriber has worked on that: what has not come before
// it never will, for a topic's log keeps its order.
func (a *acking) around(ctx context.Context, c *crash) error {
	if err := a.pass(); err != nil {
		return err
	}
	if err := c.run(a, ctx); err != nil {
		return err
	}
	return a.pass()
}

// pass emits an event and has it worked on.
func (a *acking) pass() error {
	if err := a.publisher.emit(); err != nil {
		return err
	}
	return a.subscriber.workUpTo(a.emitted)
}

// emitterDies between emit and the acknowledgement, and is started again.
func (a *acking) emitterDies(ctx context.Context) error {
	if err := errors.Join(a.publisher.write(true), a.publisher.die(), a.publisher.start(ctx)); err != nil {
		return err
	}
	return a.publisher.repeat()
}

// serverDies at a point of storing, and is started again in the same folder.
func (a *acking) serverDies(ctx context.Context, at deathPoint) error {
	if err := a.server.life.arm(ctx, at); err != nil {
		return err
	}
	if err := a.publisher.write(true); err != nil {
		return err
	}
	if err := a.server.awaitDeath(ctx); err != nil {
		return err
	}
	if err := errors.Join(a.publisher.die(), a.subscriber.die(), a.killServer()); err != nil {
		return err
	}
	if err := a.begin(ctx); err != nil {
		return err
	}
	return a.publisher.repeat()
}

// subscriberDies between working on an event and giving it up as the server's,
// whichever it does first, and is started again.
func (a *acking) subscriberDies(ctx context.Context) error {
	if err := errors.Join(a.publisher.emit(), a.subscriber.halfWork()); err != nil {
		return err
	}
	return errors.Join(a.subscriber.die(), a.subscriber.start(ctx))
}
