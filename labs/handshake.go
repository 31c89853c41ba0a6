package labs

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// Handshake opens a conversation for one event, and closes it.
var Handshake = &Lab{
	Name:     "handshake",
	Question: "what does it take to open a conversation, and to close it?",
	Varies:   "the transport: TCP beside UDP",
	Held:     "one event, the server, a wire that only delays",
	Expect:   "TCP spends a round trip before anything may be said, and takes leave of both sides; UDP has neither, and what needs an opening must bring its own",
	Predict: Prediction{
		Ask:  "The wire takes %s either way. How long after its first packet does the emitter's event leave, over TCP?",
		Unit: "ms", Given: func(o *Options) string { return o.Impairment.Delay.String() },
		Answer: func(r *report.Result) float64 { return r.Figures["tcp ms to the first event"] },
	},
	Defaults: Options{Events: 1, Size: 16, Pace: 1_000, Seed: 1, Impairment: wire.Impairment{Delay: 25 * time.Millisecond}},
	Takes:    []string{"size", "delay", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run handshake --delay 150ms",
		"rawlab lab run layers",
		"rawlab lab run handshake -o result; rawlab explain result/capture.pcapng",
	},
	Reading: []string{"RFC 9293, sections 3.5 and 3.6 (opening, closing)", "RFC 768 (UDP)", "RFC 9000, section 8.1 (why servers validate addresses first)"},
	run:     runHandshake,
}

// opening is what the emitter's conversation took, packet by packet at its
// own host.
type opening struct {
	name      string
	before    []string      // what each packet before the event was
	transport int           // the first so many of those are the transport's own: they carry nothing
	ready     time.Duration // from the first packet to the last of those
	event     time.Duration // from the first packet to the event's leaving
	closing   int           // packets from the first FIN on
	packets   int           // of the whole conversation
}

func runHandshake(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	if err := out.try(ctx, o, overBoth("", nil)...); err != nil {
		return nil, err
	}
	var openings [2]opening
	r := out.Result
	r.Figures = map[string]float64{}
	for i := range out.Evidence {
		var err error
		if openings[i], err = findOpening(&out.Evidence[i]); err != nil {
			return nil, err
		}
		r.Figures[openings[i].name+" ms to the first event"] = float64(openings[i].event.Microseconds()) / 1e3
	}
	r.Details = openingsTable(&openings)
	r.Checks = handshakeChecks(o, r, &openings)
	r.Story = handshakeStory(o, &openings)
	return out, nil
}

// findOpening follows the emitter's conversation at the client host.
func findOpening(e *report.Evidence) (opening, error) {
	p := opening{name: e.Transport}
	packets := e.Taps[account.Client].Packets
	parser := dissect.NewParser(dissect.LinkEthernet)
	emitter, ok := emitterAddress(packets, parser)
	if !ok {
		return p, fmt.Errorf("%s: no packet at the client carries the event", e.Transport)
	}
	var first, said time.Time
	for i := range packets {
		h, err := parser.Parse(packets[i].Data)
		if err != nil || h.Src != emitter && h.Dst != emitter {
			continue
		}
		at := packets[i].Time
		if p.packets++; p.packets == 1 {
			first = at
		}
		if h.FIN || p.closing > 0 {
			p.closing++
		}
		if !said.IsZero() {
			continue
		}
		if carries(&h) {
			said, p.event = at, at.Sub(first)
			continue
		}
		if len(h.Payload) == 0 && p.transport == len(p.before) {
			p.transport++
			p.ready = at.Sub(first)
		}
		p.before = append(p.before, wordFor(&h))
	}
	return p, nil
}

// emitterAddress is where the event comes from.
func emitterAddress(packets []account.Packet, parser *dissect.Parser) (netip.AddrPort, bool) {
	for i := range packets {
		if h, err := parser.Parse(packets[i].Data); err == nil && packets[i].Outgoing && carries(&h) {
			return h.Src, true
		}
	}
	return netip.AddrPort{}, false
}

// carries reports whether a packet carries the emitted event.
func carries(h *dissect.Headers) bool {
	for b := h.Payload; len(b) > 0; {
		f, n, err := framing.Parse(b, framing.DefaultLimit)
		if err != nil {
			return false
		}
		if f.Kind == framing.KindEmit {
			return true
		}
		b = b[n:]
	}
	return false
}

// wordFor says what a packet is.
func wordFor(h *dissect.Headers) string {
	if f, _, err := framing.Parse(h.Payload, framing.DefaultLimit); err == nil {
		return f.Kind.String()
	}
	switch {
	case h.Protocol != dissect.TCP:
		return "data"
	case h.SYN && h.ACK:
		return "SYN ACK"
	case h.SYN:
		return "SYN"
	case len(h.Payload) > 0:
		return "data"
	}
	return "ACK"
}

func openingsTable(openings *[2]opening) string {
	var b strings.Builder
	b.WriteString("the emitter's conversation, at its own host\n")
	for i := range openings {
		p := &openings[i]
		name := strings.ToUpper(p.name)
		fmt.Fprintf(&b, "  %s  %s to open the transport, %s; the event left after %s\n", name, count(p.transport, "packet"),
			report.Milliseconds(float64(p.ready.Nanoseconds())/1e3), report.Milliseconds(float64(p.event.Nanoseconds())/1e3))
		b.WriteString(report.Wrap(strings.Join(append(slices.Clone(p.before), "emit"), " · "), "       ", 80))
		fmt.Fprintf(&b, "       %s to close it, %s in all\n", count(p.closing, "packet"), count(p.packets, "packet"))
	}
	return b.String()
}

func handshakeChecks(o *Options, r *report.Result, openings *[2]opening) []report.Check {
	tcp, udp := &openings[0], &openings[1]
	trip := 2 * o.Impairment.Delay
	return []report.Check{
		completeCheck(&r.Runs[0]), completeCheck(&r.Runs[1]),
		check(strings.Join(tcp.before[:tcp.transport], " ") == "SYN SYN ACK ACK", "TCP opens with three packets (RFC 9293, section 3.5)", "%s", strings.Join(tcp.before[:tcp.transport], ", ")),
		check(tcp.ready >= trip, "they take a round trip of the wire", "%v of %v", tcp.ready, trip),
		check(tcp.closing >= 3, "TCP closes with three packets or more (section 3.6)", "%d from the first FIN on", tcp.closing),
		check(udp.transport == 0 && udp.closing == 0, "UDP opens and closes with none", "%d and %d", udp.transport, udp.closing),
	}
}

func handshakeStory(o *Options, openings *[2]opening) []string {
	tcp, udp := &openings[0], &openings[1]
	ms := func(d time.Duration) string { return report.Milliseconds(float64(d.Nanoseconds()) / 1e3) }
	return []string{
		fmt.Sprintf("TCP's ends first agree on where their numbers begin: SYN there, SYN and ACK back, ACK. That was %s, and %s of waiting where a round trip takes %v, before anything could be said. At the end each side says that it has finished (FIN) and hears that the other knows: %s.",
			count(tcp.transport, "packet"), ms(tcp.ready), 2*o.Impairment.Delay, count(tcp.closing, "packet")),
		fmt.Sprintf("UDP has neither: its first packet already carried something (%s). What the application needs it must bring itself. This one has its client say hello, and send back what the server gave it, so that nobody can have the server talk to an address that is not his; over TCP the handshake has shown that already. So the event left after %s over TCP and %s over UDP.",
			strings.Join(udp.before[:min(1, len(udp.before))], ""), ms(tcp.event), ms(udp.event)),
		fmt.Sprintf("For one event the emitter's conversation took %s over TCP and %s over UDP.", count(tcp.packets, "packet"), count(udp.packets, "packet")),
	}
}
