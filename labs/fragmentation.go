package labs

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Fragmentation sends events of several sizes through a lossy wire.
var Fragmentation = &Lab{
	Name:     "fragmentation",
	Question: "what does it cost to send an event that does not fit into one packet?",
	Varies:   "the size of an event: one packet, three, eight; over plain UDP, and the largest over TCP and UDP with ack too",
	Held:     "the wire's loss of packets, events, pace, seed",
	Expect:   "IP cuts a large datagram into fragments, and one that is lost makes all the others useless; TCP and ack send again only the piece that is missing",
	Predict: Prediction{
		Ask:  "The wire loses %s of the packets. What share of the events of eight packets does plain UDP lose, over both crossings?",
		Unit: "%", Given: (*Options).lossWords,
		Answer: func(r *report.Result) float64 { return 100 * lostShare(&r.Runs[2]) },
	},
	Defaults: Options{
		Events: 2_000, Size: 11_000, Pace: 500, Seed: 1,
		Impairment: wire.Impairment{Loss: 0.01, Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "loss", "delay", "jitter", "distribution", "seed", "ipv6", "fragments", "tcp-info"},
	Next: []string{
		"rawlab lab run fragmentation --loss 5%",
		"rawlab lab run fragmentation --fragments own",
		"rawlab lab run fragmentation --size 60000",
	},
	Reading: []string{"RFC 791, section 3.2 (fragments)", "RFC 8900 (IP fragmentation considered fragile)", "RFC 8085, section 3.2 (message size)"},
	run:     runFragmentation,
}

// sizesOf are an event that fits into one packet, one that takes about three,
// and the one asked for.
func sizesOf(o *Options) [3]int { return [3]int{min(1_000, o.Size), min(4_000, o.Size), o.Size} }

func runFragmentation(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	plain := overUDP(udpq.ReliabilityNone)
	var trials []trial
	for _, size := range sizesOf(o) {
		trials = append(trials, trial{plain, fmt.Sprintf("%dB", size), func(o *Options) { o.Size = size }})
	}
	large := fmt.Sprintf("%dB", o.Size)
	trials = append(trials, trial{overUDP(udpq.ReliabilityAck), large, func(o *Options) { o.Fragments = udpq.FragmentsOwn }}, trial{overTCP, large, nil})
	if err := out.try(ctx, o, trials...); err != nil {
		return nil, err
	}
	r := out.Result
	for i := range 3 {
		if c, ok := fragmentsCheck(o, &r.Runs[i], out.Evidence[i].Ledger); ok {
			r.Checks = append(r.Checks, c)
		}
	}
	r.Checks = append(r.Checks, completeCheck(&r.Runs[3]), completeCheck(&r.Runs[4]))
	r.Story = fragmentationStory(o, out)
	return out, nil
}

// packetsEach is how many packets carried an event on each crossing, from
// those that were delivered; false if none was, or they differ.
func packetsEach(l *account.Ledger) (int, bool) {
	n := 0
	for i := range l.Events {
		e := &l.Events[i]
		if e.Fate != "" {
			continue
		}
		if n != 0 && e.Packets != n {
			return 0, false
		}
		n = e.Packets
	}
	return n / 2, n > 0 && n%2 == 0
}

// fragmentsCheck holds the loss of events against that of their packets: each
// has to come through, on both crossings.
func fragmentsCheck(o *Options, u *report.Run, l *account.Ledger) (report.Check, bool) {
	n, ok := packetsEach(l)
	if !ok || !o.plainWire() {
		return report.Check{}, false
	}
	share := 1 - math.Pow(1-o.Impairment.Loss, float64(2*n))
	low, high := binomial(u.Emitted, share, 1)
	lost := u.Emitted - u.Delivered
	return check(lost >= low && lost <= high,
		fmt.Sprintf("%s: an event is lost as often as any of its %s is", u.Name(), count(2*n, "packet")),
		"%s events, expected %s to %s", report.Count(lost), report.Count(low), report.Count(high)), true
}

// plainWire tells whether the wire loses packets one by one, the same share
// either way, and does nothing else that could lose any.
func (o *Options) plainWire() bool {
	i := &o.Impairment
	return o.Back == nil && i.Burst == (wire.Gilbert{}) && !i.Down && i.Corrupt == 0 && i.Duplicate == 0 && i.Rate == 0 && !i.Timed() && len(i.Rules) == 0
}

func fragmentationStory(o *Options, out *Outcome) []string {
	runs := out.Result.Runs
	var text strings.Builder
	text.WriteString(fmt.Sprintf("The wire lost %s of the packets either way.", o.lossWords()))
	for i, size := range sizesOf(o) {
		packets := "several packets"
		if n, ok := packetsEach(out.Evidence[i].Ledger); ok {
			packets = count(n, "packet")
		}
		text.WriteString(fmt.Sprintf(" Of the events of %s bytes, %s each, UDP lost %s.", report.Count(size), packets, shareWords(lostShare(&runs[i]))))
	}
	ack, tcp := &runs[3], &runs[4]
	return []string{
		text.String() + " A datagram that is too large for the path is cut by IP, and put together at its goal only if every piece has come: nothing in IP sends a lost one again, so the others have crossed the network for nothing.",
		fmt.Sprintf("TCP and UDP with ack cut what they carry themselves, number the pieces, and send again what is missing: TCP %s segments, ack %s datagrams. They delivered %s and %s of %s events.",
			report.Count(tcp.Retransmits), report.Count(ack.Retransmits), report.Count(tcp.Delivered), report.Count(ack.Delivered), report.Count(tcp.Emitted)),
	}
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return report.Count(n) + " " + thing + "s"
}
