package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// SlowReader has a subscriber that takes its time.
var SlowReader = &Lab{
	Name:     "slow-reader",
	Question: "what happens when the subscriber reads more slowly than the emitter sends?",
	Varies:   "the transport: TCP, then UDP",
	Held:     "a wire that loses nothing, a subscriber that takes a while for each event, its small receive buffer, events, pace",
	Expect:   "TCP's window closes and the emitter has to wait; UDP fills the buffer, and the kernel drops what comes then",
	Predict: Prediction{
		Ask:  "The subscriber needs %s and loses nothing on the wire. How many events does UDP lose all the same?",
		Unit: "events", Given: func(o *Options) string {
			return fmt.Sprintf("%v for each event, of which %g come every second,", o.ReaderDelay, o.Pace)
		},
		Answer: func(r *report.Result) float64 { return float64(r.Runs[1].Fates[string(account.ReceiveBuffer)]) },
	},
	Defaults: Options{
		Events: 3_000, Size: 512, Pace: 2_000, Seed: 1, ReaderDelay: time.Millisecond, ReceiveBuffer: 16 << 10,
		Impairment: wire.Impairment{Delay: 5 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "delay", "seed", "ipv6", "reader-delay", "rcvbuf", "tcp-info"},
	Next: []string{
		"rawlab lab run slow-reader --rcvbuf 1M",
		"rawlab lab run slow-reader --reader-delay 200us",
		"rawlab lab run loss --loss 0 --reader-delay 1ms --rcvbuf 16K --reliability ack",
	},
	Reading: []string{"RFC 9293, section 3.8.6 (the window)", "RFC 8085, section 3.1.3 (UDP and slow receivers)", "SO_RXQ_OVFL in socket(7)"},
	run:     runSlowReader,
}

func runSlowReader(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	if err := out.try(ctx, o, overBoth("", nil)...); err != nil {
		return nil, err
	}
	r := out.Result
	tcp, udp := &r.Runs[0], &r.Runs[1]
	full := udp.Fates[string(account.ReceiveBuffer)]
	r.Checks = []report.Check{
		completeCheck(tcp),
		check(udp.Delivered+full == udp.Emitted, "every event that UDP loses finds the subscriber's buffer full",
			"%s lost, %s of them there", report.Count(udp.Emitted-udp.Delivered), report.Count(full)),
	}
	if slow := o.Pace * o.ReaderDelay.Seconds(); slow > 1.2 && float64(o.Events)*(1-1/slow)*float64(o.Size) > 4*float64(o.ReceiveBuffer) && o.ReceiveBuffer > 0 {
		r.Checks = append(r.Checks, check(full > 0, "the buffer cannot hold what the subscriber falls behind, so UDP loses events", "%s", report.Count(full)))
	}
	if tcp.LatencyUS != nil && udp.LatencyUS != nil {
		r.Checks = append(r.Checks, check(tcp.LatencyUS.Max >= udp.LatencyUS.P50, "TCP pays in time: its slowest event takes longer than UDP's median",
			"%s and %s", report.Milliseconds(tcp.LatencyUS.Max), report.Milliseconds(udp.LatencyUS.P50)))
	}
	r.Story = slowReaderStory(o, tcp, udp, full)
	return out, nil
}

func slowReaderStory(o *Options, tcp, udp *report.Run, full int) []string {
	story := []string{fmt.Sprintf("The emitter meant to send %g events per second; the subscriber took %v for each, so it can read %.0f per second at most, and has a buffer of %s bytes.",
		o.Pace, o.ReaderDelay, 1/max(o.ReaderDelay.Seconds(), 1e-9), report.Count(o.ReceiveBuffer))}
	if tcp.LatencyUS != nil {
		story = append(story, fmt.Sprintf("TCP delivered %s of %s. Its receiver says in every acknowledgement how much more it has room for; when that came to nothing the server had to wait, then the server's queue, then the emitter. Nothing was lost, and the last events took %s.",
			report.Count(tcp.Delivered), report.Count(tcp.Emitted), report.Milliseconds(tcp.LatencyUS.Max)))
	}
	if full == 0 {
		return append(story, "UDP lost none to the buffer: it was large enough this time.")
	}
	return append(story, fmt.Sprintf("UDP has no such word. Its datagrams kept coming, and the kernel dropped %s of %s events (%s) because the buffer was full: they had crossed the whole network and were lost one step before their goal. Nobody was told; the kernel counted them (Udp RcvbufErrors), and the account names each.",
		report.Count(full), report.Count(udp.Emitted), report.Share(full, udp.Emitted)))
}
