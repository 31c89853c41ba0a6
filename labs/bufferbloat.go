package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Bufferbloat fills a deep queue with one flow and lets another wait in it.
var Bufferbloat = &Lab{
	Name:     "bufferbloat",
	Question: "why does a large transfer make everything else slow?",
	Varies:   "who looks after the queue before a slow wire: nobody, then CoDel",
	Held:     "the wire's rate and delay, a TCP flow that takes all it can get, a few UDP events per second beside it",
	Expect:   "TCP fills the queue, however deep it is, and everything waits behind it; CoDel keeps it short, and TCP loses nothing by that",
	Predict: Prediction{
		Ask:  "The wire takes %s, and TCP fills it. How long does half of UDP's few events take or longer, with the deep queue?",
		Unit: "ms", Given: func(o *Options) string {
			return fmt.Sprintf("%g Mbit/s, with a queue of %s packets before it", float64(o.Impairment.Rate)/1e6, report.Count(o.Impairment.Queue))
		},
		Answer: func(r *report.Result) float64 { return r.Figures["udp ms deep"] },
	},
	Defaults: Options{
		Events: 4_000, Size: 1_200, Pace: 50_000, Seed: 1, TCPCongestion: "reno",
		Impairment: wire.Impairment{Delay: 10 * time.Millisecond, Rate: 10_000_000, Queue: 1_000},
	},
	Takes: []string{"events", "size", "pace", "delay", "rate", "queue", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run bufferbloat --queue 50",
		"rawlab lab run bufferbloat --rate 2mbit --events 1000",
		"rawlab lab run fairness --aqm codel",
	},
	Reading: []string{"RFC 8289 (CoDel)", "RFC 7567 (queues need looking after)", "Gettys and Nichols, CACM 55 (2012)"},
	run:     runBufferbloat,
}

// The light flow beside the bulk.
const (
	lightEvents = 600
	lightSize   = 64
	lightPace   = 150
)

func runBufferbloat(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Impairment.Rate == 0 || o.Impairment.AQM != 0 {
		return nil, &OptionError{fmt.Errorf("--rate: the wire needs a rate; the lab itself puts CoDel before it")}
	}
	codel := *o
	codel.Impairment.AQM = wire.CoDel
	var groups []group
	for _, network := range []*Options{o, &codel} {
		variant, light := "deep", *network
		if network.Impairment.AQM == wire.CoDel {
			variant = "codel"
		}
		light.Events, light.Size, light.Pace = lightEvents, lightSize, lightPace
		groups = append(groups, group{network, []*plan{
			{transport: overTCP, variant: variant, script: steady},
			{transport: overUDP(udpq.ReliabilityNone), variant: variant, script: steady, traffic: &light},
		}})
	}
	out := &Outcome{Result: newResult(o)}
	if _, err := out.conductTogether(ctx, o, groups...); err != nil {
		return nil, err
	}
	r := out.Result
	if o.backend() == BackendKernel {
		doubt(r, "a full queue decides what is lost, and who fills it is decided by timing", everyRun)
	}
	r.Figures = map[string]float64{}
	for i := range r.Runs {
		if u := &r.Runs[i]; u.LatencyUS != nil {
			r.Figures[u.Transport+" ms "+u.Variant] = u.LatencyUS.P50 / 1e3
		}
	}
	r.Checks = bufferbloatChecks(o, r)
	r.Story = bufferbloatStory(o, r)
	return out, nil
}

func bufferbloatChecks(o *Options, r *report.Result) []report.Check {
	deepTCP, deepUDP, codelTCP, codelUDP := &r.Runs[0], &r.Runs[1], &r.Runs[2], &r.Runs[3]
	checks := []report.Check{completeCheck(deepTCP), completeCheck(codelTCP)}
	if deepUDP.LatencyUS == nil || codelUDP.LatencyUS == nil || deepTCP.LatencyUS == nil || codelTCP.LatencyUS == nil {
		return checks
	}
	if o.Events < 2*o.Impairment.Queue {
		return checks // TCP cannot keep the queue full for long
	}
	deep, short := deepUDP.LatencyUS.P50, codelUDP.LatencyUS.P50
	return append(checks,
		check(deep > 2*short, "behind the deep queue half of UDP's events take more than twice as long as with CoDel", "%s and %s", report.Milliseconds(deep), report.Milliseconds(short)),
		check(codelTCP.LatencyUS.Max < 2*deepTCP.LatencyUS.Max, "TCP is done in less than twice the time that it took with the deep queue",
			"%s and %s for the last event", report.Milliseconds(codelTCP.LatencyUS.Max), report.Milliseconds(deepTCP.LatencyUS.Max)))
}

func bufferbloatStory(o *Options, r *report.Result) []string {
	deep, short := r.Runs[1].LatencyUS, r.Runs[3].LatencyUS
	if deep == nil || short == nil {
		return nil
	}
	const overhead = 66 // Ethernet, IP and TCP with timestamps
	whole := time.Duration(float64(o.Impairment.Queue*(min(o.Size, 1448)+overhead)*8) / float64(o.Impairment.Rate) * 1e9)
	return []string{
		fmt.Sprintf("TCP (reno) sends faster until something is lost, and nothing is lost until the queue is full. This one holds %s packets, which is %v of waiting at %g Mbit/s. UDP's %d small events per second had to wait behind them: half took %s or more, over a wire that takes %v there and back.",
			report.Count(o.Impairment.Queue), whole.Round(time.Millisecond), float64(o.Impairment.Rate)/1e6, lightPace, report.Milliseconds(deep.P50), 2*o.Impairment.Delay),
		fmt.Sprintf("CoDel looks at how long packets wait, not at how many there are. When they have waited 5 ms or more for 100 ms on end it drops one, then more and more often, until TCP slows down: the queue is for bursts, not for standing in. Half of UDP's events took %s or more, and TCP's last one came after %s, where it was %s with the deep queue.",
			report.Milliseconds(short.P50), report.Milliseconds(r.Runs[2].LatencyUS.Max), report.Milliseconds(r.Runs[0].LatencyUS.Max)),
	}
}
