package labs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// HeadOfLine lets events wait behind one that was lost.
var HeadOfLine = &Lab{
	Name:     "head-of-line",
	Question: "what becomes of the events behind one that is lost?",
	Varies:   "the transport: TCP, then UDP",
	Held:     "events, pace, the wire's loss and delay, seed",
	Expect:   "TCP delivers in order: a lost segment holds back all that has come behind it until it has been sent again; over UDP the others go on",
	Predict: Prediction{
		Ask:  "%s. How many of the events that TCP brought whole had to wait for one before them?",
		Unit: "events", Given: func(o *Options) string {
			return fmt.Sprintf("%s events cross a wire twice that loses %s of the packets", report.Count(o.Events), o.lossWords())
		},
		Answer: func(r *report.Result) float64 { return float64(r.Runs[0].InLine) },
	},
	Defaults: Options{
		Events: 1_000, Size: 64, Pace: 400, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.02, Delay: 20 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "loss", "delay", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run head-of-line --delay 100ms",
		"rawlab lab run head-of-line --pace 2000",
		"rawlab lab run reliable-udp",
	},
	Reading: []string{"RFC 9293, section 3.10.7.4 (what comes out of order is kept)", "RFC 9000, section 2 (streams, so that one need not wait for another)", "RFC 8985 (when TCP takes a segment for lost)"},
	run:     runHeadOfLine,
}

func runHeadOfLine(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	recordings, err := out.tryAndKeep(ctx, o, overBoth("", nil)...)
	if err != nil {
		return nil, err
	}
	r := out.Result
	holes := findHoles(&out.Evidence[0], recordings[0])
	r.Figures = map[string]float64{"events in line": float64(r.Runs[0].InLine), "holes": float64(len(holes))}
	r.Checks = headOfLineChecks(o, out, holes)
	if len(holes) > 0 {
		r.Details = holes[0].table()
	}
	r.Story = headOfLineStory(o, out, holes)
	return out, nil
}

func headOfLineChecks(o *Options, out *Outcome, holes []lineHole) []report.Check {
	tcp, udp := &out.Result.Runs[0], &out.Result.Runs[1]
	ledger := out.Evidence[0].Ledger
	checks := []report.Check{
		completeCheck(tcp),
		check(len(holes) <= ledger.LostCarriers, "nothing waits unless the wire has lost a segment before it", "events waited %s, %s with events were lost", count(len(holes), "time"), count(ledger.LostCarriers, "segment")),
		check(udp.InLine == 0, "over UDP no event waits for another", "%s did", report.Count(udp.InLine)),
		retransmitCheck(ledger),
	}
	if o.plainLoss() {
		checks = append(checks, lossCheck(o, udp))
	}
	trip := 2 * o.Impairment.Delay
	if longest := longestWait(holes); longest > 0 && 3/o.Pace < trip.Seconds() {
		checks = append(checks, check(longest >= trip, "who waits longest waits a round trip or more: the sender learns from what came behind, and sends again",
			"%s, where a round trip takes %v", milliseconds(longest), trip))
	}
	return checks
}

// longestWait is that of any event behind a hole.
func longestWait(holes []lineHole) time.Duration {
	var longest time.Duration
	for i := range holes {
		for _, w := range holes[i].waiters {
			longest = max(longest, w.waited)
		}
	}
	return longest
}

func headOfLineStory(o *Options, out *Outcome, holes []lineHole) []string {
	tcp, udp := &out.Result.Runs[0], &out.Result.Runs[1]
	var story []string
	switch {
	case len(holes) > 0:
		story = append(story, holes[0].story(), allHolesStory(tcp, holes))
	case out.Evidence[0].Ledger.LostCarriers == 0:
		story = append(story, "The wire lost no segment with events over TCP, so that none had to wait.")
	default:
		story = append(story, fmt.Sprintf("The wire lost %s with events over TCP, and each had been sent again before another came behind it: nothing had to wait but what was lost.",
			count(out.Evidence[0].Ledger.LostCarriers, "segment")))
	}
	return append(story, udpGoesOn(o, udp, out.Evidence[1].Ledger))
}

// allHolesStory tells what all the waiting came to.
func allHolesStory(tcp *report.Run, holes []lineHole) string {
	text := fmt.Sprintf("That happened %s in this run, on the way there and on the way back.", count(len(holes), "time"))
	if l := tcp.InLineUS; l != nil {
		text += fmt.Sprintf(" Of %s events %s (%s) waited so, though each of them had come whole: half of these for %s or more, the longest for %s.",
			report.Count(tcp.Emitted), report.Count(tcp.InLine), report.Share(tcp.InLine, tcp.Emitted), report.Milliseconds(l.P50), report.Milliseconds(l.Max))
	}
	return text
}

// udpGoesOn tells of the first event that UDP lost, and of the one behind it.
func udpGoesOn(o *Options, udp *report.Run, l *account.Ledger) string {
	lost := udp.Emitted - udp.Delivered
	if lost == 0 {
		return "UDP lost nothing in this run, and nothing waited."
	}
	text := fmt.Sprintf("UDP lost %s of %s events for good.", report.Count(lost), report.Count(udp.Emitted))
	text += nextOne(l)
	if udp.LatencyUS != nil {
		text += fmt.Sprintf(" None of those delivered took longer than %s, over a wire that takes %v there and back.", report.Milliseconds(udp.LatencyUS.Max), 2*o.Impairment.Delay)
	}
	return text + " Who can do without a lost event, such as a position that the next one replaces, is better off; who cannot, waits."
}

// nextOne tells of an event that was lost, and of the one behind it.
func nextOne(l *account.Ledger) string {
	for i := 1; i < len(l.Events); i++ {
		if lost, next := l.Events[i-1], l.Events[i]; lost.Fate != "" && next.Fate == "" {
			return fmt.Sprintf(" Event %s was one of them. The next, %s, was delivered %s after it was emitted, as if nothing had happened: no datagram knows of another.",
				says(lost.ID), says(next.ID), milliseconds(next.Latency))
		}
	}
	return ""
}

// says is an event's identity as people read it.
func says(id account.ID) string {
	return strings.TrimPrefix(account.SayEvents([]account.ID{id}), "event ")
}

// milliseconds writes a time as report.Milliseconds does.
func milliseconds(d time.Duration) string { return report.Milliseconds(float64(d.Nanoseconds()) / 1e3) }
