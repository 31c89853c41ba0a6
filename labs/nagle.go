package labs

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// Nagle sends requests in two small writes.
var Nagle = &Lab{
	Name:     "nagle",
	Question: "why does a small write sometimes take 40 ms longer?",
	Varies:   "whether TCP may keep small writes back (Nagle's algorithm) or not (TCP_NODELAY), and UDP beside it",
	Held:     "requests of two small writes, an event each, a millisecond apart; a server that answers when it has both; pace, and a wire that only delays",
	Expect:   "with Nagle's algorithm the second waits until the first is acknowledged, and the other end delays that acknowledgement; virtual hosts delay none, so that only a round trip is lost there",
	Predict: Prediction{
		Ask:  "A round trip takes %s. How long does half of the second events take or longer, with Nagle's algorithm?",
		Unit: "ms", Given: func(o *Options) string { return (2 * o.Impairment.Delay).String() },
		Answer: func(r *report.Result) float64 { return r.Figures["tcp nagle ms of second events"] },
	},
	Defaults: Options{Events: 40, Size: 32, Pace: 20, Seed: 1, Impairment: wire.Impairment{Delay: 5 * time.Millisecond}},
	Takes:    []string{"events", "size", "pace", "delay", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run nagle --delay 50ms --pace 8",
		"rawlab lab run nagle --backend virtual",
		"rawlab lab run nagle -o result; rawlab explain result/capture.pcapng",
	},
	Reading: []string{"RFC 896 (Nagle's algorithm)", "RFC 9293, section 3.7.4 (and how to turn it off)", "RFC 1122, section 4.2.3.2 (delayed acknowledgements)"},
	run:     runNagle,
}

// partGap is how long after a request's first part its second is emitted.
const partGap = time.Millisecond

func runNagle(ctx context.Context, o *Options) (*Outcome, error) {
	if most := 10_000; o.Events%2 == 1 || o.Events > most {
		return nil, &OptionError{fmt.Errorf("--events %d: must be an even number up to %d; two make a request", o.Events, most)}
	}
	if o.Size > 1000 || o.Pace > 400 {
		return nil, &OptionError{fmt.Errorf("--size %d, --pace %g: the lab is about events of at most 1000 bytes, and 400 of them per second", o.Size, o.Pace)}
	}
	out := &Outcome{Result: newResult(o)}
	err := out.conduct(ctx, o,
		&plan{transport: askingTCP, variant: "nagle", around: delaying(true), script: requests},
		&plan{transport: askingTCP, variant: "nodelay", around: delaying(false), script: requests},
		&plan{transport: askingUDP, script: requests})
	if err != nil {
		return nil, err
	}
	var talks [3]requestTalk
	for i := range out.Evidence {
		if talks[i], err = readRequests(&out.Evidence[i]); err != nil {
			return nil, err
		}
	}
	r := out.Result
	r.Figures = map[string]float64{}
	for i := range talks {
		r.Figures[r.Runs[i].Name()+" ms of second events"] = float64(talks[i].second.Microseconds()) / 1e3
	}
	r.Details = requestsTable(r, &talks)
	r.Checks = nagleChecks(o, r, &talks)
	r.Story = nagleStory(o, &talks)
	return out, nil
}

// delaying sets Nagle's algorithm on the TCP sockets of the client's host.
func delaying(nagle bool) func(int, Host) Host {
	return func(side int, h Host) Host {
		if side != account.Client {
			return h
		}
		return &delayHost{h, nagle}
	}
}

// delayHost is a host that keeps small writes back, or not.
type delayHost struct {
	Host
	nagle bool
}

// Dial returns a socket that does.
func (h *delayHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.Host.Dial(ctx, network, address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return c, err
	}
	s, ok := c.(interface{ SetNoDelay(bool) error })
	if !ok {
		c.Close()
		return nil, fmt.Errorf("%T has no TCP_NODELAY", c)
	}
	if err := s.SetNoDelay(!h.nagle); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// requests emits pairs of events.
func requests(ctx context.Context, x *transfer) error {
	payload := make([]byte, x.options.Size)
	start := x.clock.Now()
	for i := range x.options.Events {
		due := start.Add(time.Duration(float64(i/2*2)*float64(time.Second)/x.options.Pace) + time.Duration(i%2)*partGap)
		if err := x.wait(ctx, due.Sub(x.clock.Now())); err != nil {
			return err
		}
		if err := x.emitOne(ctx, due, payload); err != nil {
			return err
		}
	}
	return x.settle(ctx, x.options.Events)
}

func nagleChecks(o *Options, r *report.Result, talks *[3]requestTalk) []report.Check {
	nagle, nodelay, udp := &talks[0], &talks[1], &talks[2]
	trip := 2 * o.Impairment.Delay
	asked := o.Events / 2
	checks := []report.Check{
		completeCheck(&r.Runs[0]), completeCheck(&r.Runs[1]), completeCheck(&r.Runs[2]),
		check(nodelay.flow.Nagle.Count == 0, "with TCP_NODELAY no segment waits for an acknowledgement", "%s", count(nodelay.flow.Nagle.Count, "wait")),
	}
	if trip < 4*partGap || 2/o.Pace < 2*trip.Seconds()+0.06 {
		return checks // an acknowledgement may be there before the second event, or the next request before the answer
	}
	checks = append(checks,
		check(nodelay.flow.NagleOff, "with TCP_NODELAY second events leave while the first is on its way", "%v", nodelay.flow.NagleOff),
		check(nagle.flow.Nagle.Count > 0 && mean(nagle.flow.Nagle) >= trip, "with Nagle's algorithm second events leave when the first is acknowledged: a round trip after it, or more",
			"%d of %d requests, %s on average; a round trip takes %v", nagle.flow.Nagle.Count, asked, milliseconds(mean(nagle.flow.Nagle)), trip))
	if o.backend() == BackendVirtual { // elsewhere the machine may be busy with other things
		checks = append(checks, check(udp.second == trip && nodelay.second == trip && nagle.second == 2*trip-partGap, "to TCP_NODELAY and UDP the second event takes a round trip, with Nagle's algorithm two, less the millisecond that it came later",
			"%s, %s and %s", milliseconds(nodelay.second), milliseconds(udp.second), milliseconds(nagle.second)))
	}
	if o.backend() == BackendKernel && asked >= 8 { // the first of a connection it may send at once
		checks = append(checks, check(nagle.delayed.Count > 0, "the server's host delays acknowledgements", "%s, %s on average", count(nagle.delayed.Count, "time"), milliseconds(mean(nagle.delayed))))
	}
	return checks
}
