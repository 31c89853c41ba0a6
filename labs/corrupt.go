package labs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Corrupt flips bits.
var Corrupt = &Lab{
	Name:     "corrupt",
	Question: "which checksum notices a flipped bit, and what slips through?",
	Varies:   "where the bit is: in IP's header, UDP's header, what UDP carries, anywhere in a TCP packet",
	Held:     "the share of packets with one flipped bit, events, pace, seed",
	Expect:   "each layer's checksum drops what is broken in it, and nobody is told; TCP sends it again. Two flipped bits may cancel in a sum, but not in a CRC",
	Predict: Prediction{
		Ask:  "Of all ways to flip two bits of one datagram's payload, what share leaves UDP's checksum as it was?",
		Unit: "%", Answer: func(r *report.Result) float64 { return r.Figures["percent of two flips that udp's checksum misses"] },
	},
	Defaults: Options{
		Events: 4_000, Size: 128, Pace: 2_000, Seed: 1,
		Impairment: wire.Impairment{Corrupt: 0.05, Delay: 10 * time.Millisecond},
	},
	Takes: []string{"events", "size", "pace", "corrupt", "delay", "seed", "tcp-info"},
	Next: []string{
		"rawlab lab run corrupt --corrupt 50%",
		"rawlab lab run loss --loss 0 --corrupt '5% payload'",
	},
	Reading: []string{"RFC 1071 (the Internet checksum)", "RFC 768 (UDP's)", "RFC 3385 (CRC-32C and what it finds)", "Stone and Partridge, SIGCOMM 2000"},
	run:     runCorrupt,
}

// corruptLayers are whose bytes the trials over UDP break.
var corruptLayers = []wire.Layer{wire.IP, wire.Transport, wire.Payload}

func runCorrupt(ctx context.Context, o *Options) (*Outcome, error) {
	trials := []trial{{overTCP, "any", nil}}
	for _, l := range corruptLayers {
		trials = append(trials, trial{overUDP(udpq.ReliabilityNone), l.String(), func(o *Options) { o.Impairment.Layer = l }})
	}
	out := &Outcome{Result: newResult(o)}
	recordings, err := out.tryAndKeep(ctx, o, trials...)
	if err != nil {
		return nil, err
	}
	flips, err := flipPairs(&out.Evidence[len(trials)-1])
	if err != nil {
		return nil, err
	}
	r := out.Result
	r.Figures = map[string]float64{"percent of two flips that udp's checksum misses": 100 * flips.share()}
	var caught []catch
	for i, rec := range recordings {
		caught = append(caught, whoCaught(r.Runs[i].Name(), rec))
	}
	r.Details = caughtTable(caught)
	r.Checks = corruptChecks(r, caught, flips)
	r.Story = corruptStory(r, caught, flips)
	return out, nil
}

// catch is how many broken packets there were, and where they were noticed.
type catch struct {
	name                string
	broken              int   // packets in which the wire flipped a bit
	ip, transport, rest int64 // dropped by IP, by UDP or TCP for their checksum, by those for another field
}

// whoCaught reads what both hosts' stacks counted.
func whoCaught(name string, r *Recording) catch {
	c := catch{name: name}
	for leg := range r.Wire {
		for _, p := range r.Wire[leg].Passages {
			if p.Fate == account.PacketCorrupted {
				c.broken++
			}
		}
	}
	for _, n := range r.Counted {
		c.ip += n["Ip.InHdrErrors"]
		c.transport += n["Udp.InCsumErrors"] + n["Tcp.InCsumErrors"]
		c.rest += n["Udp.InErrors"] - n["Udp.InCsumErrors"] - n["Udp.RcvbufErrors"] - n["Udp.MemErrors"] + n["Tcp.InErrs"] - n["Tcp.InCsumErrors"]
	}
	return c
}

func caughtTable(caught []catch) string {
	var text strings.Builder
	text.WriteString("who dropped them         broken  IP checksum  TCP/UDP checksum  other field\n")
	for _, c := range caught {
		text.WriteString(fmt.Sprintf("  %-22s %6s %12s %17s %12s\n", c.name, report.Count(c.broken), report.Count(c.ip), report.Count(c.transport), report.Count(max(0, c.rest))))
	}
	return text.String()
}

func corruptChecks(r *report.Result, caught []catch, flips flipCount) []report.Check {
	checks := []report.Check{completeCheck(&r.Runs[0])}
	for i := range r.Runs[1:] {
		u := &r.Runs[i+1]
		lost := u.Fates[string(account.WireCorrupt)]
		checks = append(checks, check(lost == u.Emitted-u.Delivered, u.Name()+": every event lost is one in which a bit was flipped", "%s of %s", report.Count(lost), report.Count(u.Emitted-u.Delivered)))
	}
	ip, payload := &caught[1], &caught[3]
	return append(checks,
		check(int(ip.ip) == ip.broken, "a flipped bit in IP's header is noticed by IP", "%s of %s", report.Count(ip.ip), report.Count(ip.broken)),
		check(int(payload.transport) == payload.broken, "one in what UDP carries is noticed by UDP's checksum", "%s of %s", report.Count(payload.transport), report.Count(payload.broken)),
		check(flips.missed > 0 && flips.slipped == 0, "two flipped bits may cancel in UDP's checksum; a frame's CRC-32C finds every such pair",
			"%s of %s pairs cancel, of which the CRC misses %s", report.Count(flips.missed), report.Count(flips.pairs), report.Count(flips.slipped)))
}

func corruptStory(r *report.Result, caught []catch, flips flipCount) []string {
	ip, transport, payload, tcp := &caught[1], &caught[2], &caught[3], &caught[0]
	return []string{
		fmt.Sprintf("The wire flipped one bit in %s packets' IP headers: IP dropped %s of them. In %s UDP headers: UDP dropped %s for the checksum and %s for a length that could not be. In what %s datagrams carried: UDP's checksum, which covers that too, dropped %s. Nobody was told; for plain UDP these events are lost as if they had never been sent.",
			report.Count(ip.broken), report.Count(ip.ip), report.Count(transport.broken), report.Count(transport.transport), report.Count(max(0, transport.rest)), report.Count(payload.broken), report.Count(payload.transport)),
		fmt.Sprintf("Over TCP %s packets were broken and dropped as well. TCP takes them for lost and sends their bytes again: %s segments, and %s of %s events delivered.",
			report.Count(tcp.broken), report.Count(r.Runs[0].Retransmits), report.Count(r.Runs[0].Delivered), report.Count(r.Runs[0].Emitted)),
		fmt.Sprintf("The checksum of IP, UDP and TCP is a sum of 16-bit words, so it finds any one flipped bit. Two may cancel: of the %s ways to flip two bits of one of these datagrams, %s (%.2g %%) leave the sum as it was. So every frame in a datagram has a CRC-32C of its own, which missed %s of those.",
			report.Count(flips.pairs), report.Count(flips.missed), 100*flips.share(), report.Count(flips.slipped)),
	}
}
