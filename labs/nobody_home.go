package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// NobodyHome sends events where no server is.
var NobodyHome = &Lab{
	Name:     "nobody-home",
	Question: "how does a client learn that nobody is there?",
	Varies:   "what is there: a host with nobody on the port, or nothing that answers; and who asks: TCP, a UDP socket with one peer, one without",
	Held:     "the wire's delay, and how long TCP may try",
	Expect:   "a host without a server refuses TCP at once, and tells a UDP socket, if that is connected; where all is silent TCP asks again and again, each time after twice as long, and UDP never knows",
	Predict: Prediction{
		Ask:  "Nothing answers. TCP may try to connect for %s. How often does it send its SYN?",
		Unit: "packets", Given: func(o *Options) string { return o.Patience.String() },
		Answer: func(r *report.Result) float64 { return r.Figures["silent tcp SYNs"] },
	},
	Defaults: Options{Events: 3, Size: 32, Pace: 5, Seed: 1, Patience: 3500 * time.Millisecond, Impairment: wire.Impairment{Delay: 10 * time.Millisecond}},
	Takes:    []string{"events", "size", "pace", "delay", "patience", "seed", "ipv6"},
	Next: []string{
		"rawlab lab run nobody-home --patience 16s --backend virtual",
		"rawlab lab run nobody-home --patience 150s --backend virtual",
		"rawlab emit udp://127.0.0.1:9 lab hello",
	},
	Reading: []string{"RFC 9293, section 3.5.2 (reset)", "RFC 6298, sections 2 and 5.5 (when the SYN goes again)", "RFC 1122, section 4.1.3.3 (ICMP goes up to UDP's user)", "RFC 792 and RFC 4443 (port unreachable)"},
	run:     runNobodyHome,
}

// maxPatience is beyond what any stack tries by itself.
const maxPatience = 10 * time.Minute

func runNobodyHome(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Patience < 100*time.Millisecond || o.Patience > maxPatience {
		return nil, &OptionError{fmt.Errorf("--patience %v: must be 100ms to %v", o.Patience, maxPatience)}
	}
	if most := 200; o.Events > most {
		return nil, &OptionError{fmt.Errorf("--events %d: must be 1 to %d; nobody reads them", o.Events, most)}
	}
	closed, silent, once := *o, *o, *o
	// Linux sends the first four again a second apart, since 6.5, and doubles
	// only then; other systems double from the first.
	closed.sysctls = map[string]string{"net.ipv4.tcp_syn_linear_timeouts": "0"}
	silent.sysctls, silent.Impairment.Down, once.Events = closed.sysctls, true, 1
	calls := []*calls{{}, {}, {}, {}, {}}
	out := &Outcome{Result: newResult(o)}
	_, err := out.conductTogether(ctx, o,
		group{&closed, []*plan{calls[0].tcp("closed", &once), calls[1].udp("closed", true)}},
		group{&closed, []*plan{calls[2].udp("unconnected", false)}},
		group{&silent, []*plan{calls[3].tcp("silent", &once), calls[4].udp("silent", true)}})
	if err != nil {
		return nil, err
	}
	r := out.Result
	for i, c := range calls {
		c.read(&out.Evidence[i], &r.Runs[i])
	}
	r.Figures = map[string]float64{"silent tcp SYNs": float64(len(calls[3].syns))}
	r.Details = callsTable(calls)
	r.Checks = nobodyHomeChecks(o, calls)
	r.Story = nobodyHomeStory(o, calls)
	return out, nil
}

// nobodyHomeChecks hold each call against what its protocol promises.
func nobodyHomeChecks(o *Options, c []*calls) []report.Check {
	trip := 2 * o.Impairment.Delay
	tcp, connected, bare, silent, lost := c[0], c[1], c[2], c[3], c[4]
	checks := []report.Check{
		check(len(tcp.syns) == 1 && tcp.resets == 1 && tcp.refused() == 1, "closed port, TCP: one SYN, one RST, and the application is refused",
			"%d, %d and %d", len(tcp.syns), tcp.resets, tcp.refused()),
		check(tcp.run.Fates[string(account.SendRefused)] == 1, "closed port, TCP: the event never left the emitter", "%d refused there", tcp.run.Fates[string(account.SendRefused)]),
		check(connected.answered() && bare.answered(), "closed port, UDP: the host answers every datagram with ICMP",
			"%d for %d, and %d for %d", connected.unreachables, connected.run.Fates[string(account.NoSocket)], bare.unreachables, bare.run.Fates[string(account.NoSocket)]),
		check(connected.refused() > 0 && bare.refused() == 0, "the socket with one peer hears of it, the one without does not", "%s and %d", count(connected.refused(), "time"), bare.refused()),
		check(silent.back+lost.back == 0, "nothing comes back where all is silent", "%s", count(silent.back+lost.back, "packet")),
		check(lost.refused() == 0 && lost.run.Fates[string(account.WireLoss)] == o.Events, "silence, UDP: every datagram is lost, and the socket hears nothing of any",
			"%d lost, %s heard", lost.run.Fates[string(account.WireLoss)], count(lost.refused(), "error")),
		check(len(silent.heard) == 1, "silence, TCP: the application learns it in the end", "%s", count(len(silent.heard), "error")),
	}
	if at := tcp.firstHeard(); at > 0 {
		checks = append(checks, check(at >= trip, "a refusal takes a round trip", "%s of %v", milliseconds(at), trip))
	}
	if waits := silent.waits(); len(waits) > 1 {
		checks = append(checks, check(noneEarly(waits), "silence, TCP: it waits 1 s, then 2, then twice as long each time (RFC 6298, section 5.5); no timer is early", "%s", seconds(waits)))
	}
	return checks
}
