package labs

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Rebinding has a network address translator forget its mappings in mid-stream.
var Rebinding = &Lab{
	Name:     "rebinding",
	Question: "what becomes of a conversation whose address changes in mid-stream?",
	Varies:   "what a conversation is tied to: TCP's to its addresses and ports; UDP's, without a rung and with ack, to a session of its own; around that DTLS, whose keys belong to an address, or to a connection ID",
	Held:     "the events, their pace, a topic that stores, and the translator between the hosts, which gives both clients other ports after a third of the events; the last third follows when all go on again",
	Expect:   "to TCP the new port is a stranger's: the connection is reset, or waits in vain, and has to be opened anew; a session shows who it is and moves; so it does inside of DTLS, if its server can tell by an ID which keys to try",
	Predict: Prediction{
		Ask:  "The wire takes %s either way. How long does the subscriber get nothing over UDP with ack, from the change of address on?",
		Unit: "ms", Given: func(o *Options) string { return o.Impairment.Delay.String() },
		Answer: func(r *report.Result) float64 { return r.Figures["udp ack ms without events"] },
	},
	Defaults: Options{
		Events: 90, Size: 128, Pace: 100, Seed: 1,
		Impairment: wire.Impairment{Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "delay", "seed", "ipv6", "congestion", "tcp-info"},
	Next: []string{
		"rawlab lab run rebinding --delay 100ms",
		"rawlab lab run rebinding -o result; rawlab explain result/capture.pcapng",
		"rawlab lab run missed-event",
	},
	Reading: []string{
		"RFC 4787, section 4 and RFC 5382, section 5 (how long a translator remembers)", "RFC 9293, section 3.10.7.1 (who gets a reset)",
		"RFC 9000, section 9 (connections that migrate)", "RFC 9146 (DTLS's connection IDs)",
	},
	run: runRebinding,
}

// keepAlive is the time between pings over UDP, so that who only listens
// notices too.
func (o *Options) keepAlive() time.Duration {
	return max(250*time.Millisecond, 16*o.Impairment.Delay)
}

// askAgain is until a client over UDP repeats a question that nobody
// answered. Three go by, in seven times that, before it takes another socket,
// which it has to do within three pings.
func (o *Options) askAgain() time.Duration {
	return max(50*time.Millisecond, 4*o.Impairment.Delay)
}

// giveUpAfter is how long a subscriber over TCP hears nothing before it
// connects anew.
func (o *Options) giveUpAfter() time.Duration {
	return max(time.Second, 20*o.Impairment.Delay)
}

// rebinding is one conversation's change of address.
type rebinding struct {
	before, meanwhile, after int       // events
	changed                  time.Time // when the translator forgot its mappings
	ports                    [2][2]uint16
	first                    time.Time // when the first event emitted since then was delivered
	stalled                  int       // events that came from then until the subscriber over TCP connected anew
	reopened                 bool      // the emitter had to connect anew
	kept                     int       // the server's connections to the former ports when the subscriber gave up
	retransmits              uint32    // of those, by then
	receipt                  framing.Receipt
	sessions                 udpq.Stats
	seals                    *seals // over DTLS
}

func runRebinding(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Events < 9 {
		return nil, &OptionError{fmt.Errorf("--events %d: needs at least 9, to have some before and after the change of address", o.Events)}
	}
	id, err := newIdentity(serverName)
	if err != nil {
		return nil, err
	}
	out := &Outcome{Result: newResult(o)}
	var plans []*plan
	var all []*rebinding
	pinging := func(d *dialOptions) {
		d.tune = func(c *udpq.ClientConfig) { c.KeepAlive, c.RetryInterval = o.keepAlive(), o.askAgain() }
	}
	for _, c := range []struct {
		transport *transport
		variant   string
	}{{overTCP, ""}, {overUDP(udpq.ReliabilityNone), ""}, {overUDP(udpq.ReliabilityAck), ""}, {id.overDTLS(false), "dtls"}, {id.overDTLS(true), "dtls-id"}} {
		third := o.Events / 3
		r := &rebinding{before: third, meanwhile: third, after: o.Events - 2*third, seals: c.transport.seals}
		plans = append(plans, &plan{transport: c.transport, variant: c.variant, name: "bob", script: r.script, tune: pinging, reopen: r.reopen})
		all = append(all, r)
	}
	if err := out.conduct(ctx, o, plans...); err != nil {
		return nil, err
	}
	res := out.Result
	res.Figures = map[string]float64{}
	for i, r := range all {
		res.Figures[res.Runs[i].Name()+" ms without events"] = float64(r.outage().Microseconds()) / 1e3
	}
	resets := countResets(&out.Evidence[0], all[0].changed)
	views := [2]recordView{viewRecords(&out.Evidence[3]), viewRecords(&out.Evidence[4])}
	res.FreshKeys = true
	res.Reasons = append(res.Reasons, "DTLS's keys are drawn anew in each run: encrypted bytes do not repeat")
	res.Details = rebindingTable(res, all)
	res.Checks = append(rebindingChecks(o, out, all, resets), encryptedChecks(out, all[3:], views)...)
	res.Story = append(rebindingStory(o, res, all, resets), encryptedStory(o, res, all[3:], views)...)
	return out, nil
}

// outage is how long the subscriber got nothing new.
func (r *rebinding) outage() time.Duration { return r.first.Sub(r.changed) }

// script emits a third of the events, changes the clients' addresses, emits
// another third at the same pace, waits until everybody can go on, and emits
// the rest.
func (r *rebinding) script(ctx context.Context, x *transfer) error {
	if err := x.emit(ctx, r.before); err != nil {
		return err
	}
	if err := x.settle(ctx, r.before); err != nil {
		return err
	}
	known := func(standing, int) bool { return x.caughtUp() } // else what was delivered last comes again
	if err := x.until(ctx, known); err != nil {
		return err
	}
	if err := r.change(x); err != nil {
		return err
	}
	if err := x.emit(ctx, r.meanwhile); err != nil {
		return err
	}
	if err := r.goOn(ctx, x); err != nil {
		return err
	}
	if err := x.emit(ctx, r.after); err != nil {
		return err
	}
	if err := r.settleDeliveries(ctx, x); err != nil {
		return err
	}
	r.first = x.deliveredSince(r.before)
	if !x.transport.stream {
		r.sessions = x.server.stats()
	}
	return nil
}

// goOn waits until both clients are where they can go on.
func (r *rebinding) goOn(ctx context.Context, x *transfer) error {
	if x.transport.stream {
		return r.openAnew(ctx, x)
	}
	return x.until(ctx, func(standing, int) bool { return x.server.stats().Moved >= 2 || x.broken() })
}

// settleDeliveries waits until the last event is delivered, and all that a
// rung may still bring, or nothing is any more. The wire does not come to rest
// meanwhile, for the clients ping.
func (r *rebinding) settleDeliveries(ctx context.Context, x *transfer) error {
	last, since := -1, x.clock.Now()
	return x.until(ctx, func(now standing, _ int) bool {
		if now.delivered != last {
			last, since = now.delivered, x.clock.Now()
		}
		return x.deliveredLast() || x.clock.Now().Sub(since) >= x.options.giveUpAfter()
	})
}

// deliveredLast reports whether the event emitted last has been delivered: the
// wire only delays, and nothing overtakes.
func (x *transfer) deliveredLast() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(x.deliveries)
	return n > 0 && x.deliveries[n-1].ID == x.input.Emissions[len(x.input.Emissions)-1].ID
}

// change gives both clients' sockets other ports on the wire, below those
// that hosts choose.
func (r *rebinding) change(x *transfer) error {
	list := make([]wire.Translation, 2)
	for i, c := range []client{x.emitter, x.listener} {
		inside, err := portOf(c)
		if err != nil {
			return err
		}
		r.ports[i] = [2]uint16{inside, uint16(4001 + i)}
		list[i] = wire.Translation{Protocol: x.transport.number(), Inside: inside, Outside: r.ports[i][1]}
	}
	r.changed = x.clock.Now()
	return x.network.Translate(list)
}

// reopen opens the emitter's connection anew. What was written to the old one
// and did not arrive is lost with it: nobody here keeps it.
func (r *rebinding) reopen(ctx context.Context, x *transfer) error {
	r.reopened = true
	closeClient(&x.emitter) // it is over, and says so once more
	return x.dialEmitter(ctx, secondID)
}

// openAnew waits until the subscriber over TCP has heard nothing for long
// enough, and connects it anew.
func (r *rebinding) openAnew(ctx context.Context, x *transfer) error {
	if err := x.wait(ctx, r.changed.Add(x.options.giveUpAfter()).Sub(x.clock.Now())); err != nil {
		return err
	}
	r.stalled = x.delivered() - r.before
	connections, err := x.hosts[account.Server].Connections()
	if err != nil {
		return err
	}
	for _, c := range connections {
		if c.State == "ESTABLISHED" && (c.Remote.Port() == r.ports[0][0] || c.Remote.Port() == r.ports[1][0]) {
			r.kept++
			r.retransmits += c.Retransmits
		}
	}
	closeClient(&x.listener) // nobody answers its bye
	if r.receipt, err = x.listen(ctx); err != nil {
		return err
	}
	all := r.before + int(r.receipt.Replayed)
	return x.until(ctx, func(now standing, still int) bool { return now.delivered >= all || still > 10 })
}

// number is the transport's, as IP's header has it.
func (t *transport) number() uint8 {
	if t.stream {
		return wire.ProtocolTCP
	}
	return wire.ProtocolUDP
}

// portOf returns the port of a client's socket at its own host.
func portOf(c client) (uint16, error) {
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	return a.Port(), err
}

// deliveredSince returns when the first event behind the first n was
// delivered; when it is, if it was not.
func (x *transfer) deliveredSince(n int) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n < len(x.deliveries) {
		return x.deliveries[n].Time
	}
	return x.clock.Now()
}

// countResets counts the resets that came to the client host from a time on.
func countResets(e *report.Evidence, from time.Time) int {
	n, parser := 0, dissect.NewParser(dissect.LinkEthernet)
	for _, p := range e.Taps[account.Client].Packets {
		if h, err := parser.Parse(p.Data); err == nil && h.Protocol == dissect.TCP && h.RST && !p.Outgoing && p.Time.After(from) {
			n++
		}
	}
	return n
}
