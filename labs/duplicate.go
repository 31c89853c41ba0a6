package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Duplicate doubles packets.
var Duplicate = &Lab{
	Name:     "duplicate",
	Question: "who notices that a packet came twice?",
	Varies:   "the transport: TCP, plain UDP, UDP with ack",
	Held:     "a wire that loses nothing and sends a share of the packets twice; events, pace, seed",
	Expect:   "plain UDP hands every copy to the application; TCP and ack know by their numbers what they have had",
	Predict: Prediction{
		Ask:  "The wire doubles %s of the packets, either way. How many of the events does plain UDP deliver more than once?",
		Unit: "events", Given: func(o *Options) string { return percent(o.Impairment.Duplicate) },
		Answer: func(r *report.Result) float64 { return r.Figures["udp events more than once"] },
	},
	Defaults: Options{
		Events: 8_000, Size: 128, Pace: 2_000, Seed: 1,
		Impairment: wire.Impairment{Duplicate: 0.1, Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "delay", "jitter", "distribution", "duplicate", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run duplicate --duplicate 50%",
		"rawlab lab run loss --duplicate 10% --loss 10%",
	},
	Reading: []string{"RFC 768 (UDP)", "RFC 9293, section 3.4 (what TCP's numbers are for)", "RFC 5560 (a one-way packet duplication metric)"},
	run:     runDuplicate,
}

func runDuplicate(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	trials := append(overBoth("", nil), trial{overUDP(udpq.ReliabilityAck), "", nil})
	recordings, err := out.tryAndKeep(ctx, o, trials...)
	if err != nil {
		return nil, err
	}
	more := 0
	for _, e := range out.Evidence[1].Ledger.Events {
		if e.Duplicates > 0 {
			more++
		}
	}
	copies := [2]int{extraCopies(recordings[1], account.ToServer), extraCopies(recordings[1], account.ToSubscriber)}
	r := out.Result
	r.Figures = map[string]float64{"udp events more than once": float64(more)}
	r.Checks = duplicateChecks(out, copies)
	r.Story = duplicateStory(r, more, copies)
	return out, nil
}

// extraCopies counts the datagrams that the wire sent once more.
func extraCopies(r *Recording, leg int) int {
	n := 0
	for _, p := range r.Wire[leg].Passages {
		if p.Protocol == dissect.UDP && p.Copies > 1 {
			n += p.Copies - 1
		}
	}
	return n
}

func duplicateChecks(out *Outcome, copies [2]int) []report.Check {
	tcp, udp, ack := &out.Result.Runs[0], &out.Result.Runs[1], &out.Result.Runs[2]
	return []report.Check{
		completeCheck(tcp), completeCheck(ack),
		check(udp.Delivered == udp.Emitted, "plain UDP delivers every event", "%s of %s", report.Count(udp.Delivered), report.Count(udp.Emitted)),
		check(udp.Duplicates == copies[0]+copies[1], "plain UDP delivers as many copies as the wire has made, on the way there and on the way back",
			"%s copies delivered, %s + %s made", report.Count(udp.Duplicates), report.Count(copies[0]), report.Count(copies[1])),
	}
}

func duplicateStory(r *report.Result, more int, copies [2]int) []string {
	udp := &r.Runs[1]
	return []string{
		fmt.Sprintf("The wire made copies of %s datagrams on their way to the server and of %s on their way back. To UDP each is a datagram like any other: the server passed on what came twice, and the subscriber got %s of %s events more than once, %s deliveries too many.",
			report.Count(copies[0]), report.Count(copies[1]), report.Count(more), report.Count(udp.Emitted), report.Count(udp.Duplicates)),
		"TCP numbers its bytes and ack its datagrams. What has a number that was there before is acknowledged once more and thrown away; the application never hears of it. An application over plain UDP must number its events itself: every event of ours has an origin and a sequence for that.",
	}
}
