package labs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Framing asks what is left of an event's beginning and end on its way.
var Framing = &Lab{
	Name:     "framing",
	Question: "who keeps one event apart from the next?",
	Varies:   "the transport: TCP, UDP, UDP that packs several events into a datagram",
	Held:     "events, size, pace, a wire that loses nothing",
	Expect:   "TCP carries bytes: its segments join events and cut through them, and so does what the application reads; a datagram arrives as it was sent, or not at all",
	Predict: Prediction{
		Ask:  "%s leave as fast as the emitter can. How many of them does TCP cut, so that they travel in two segments or more?",
		Unit: "events", Given: func(o *Options) string {
			return fmt.Sprintf("%s events of %d bytes", report.Count(o.Events), o.Size)
		},
		Answer: func(r *report.Result) float64 { return r.Figures["tcp events cut"] },
	},
	Defaults: Options{Events: 400, Size: 300, Pace: 20_000, Seed: 1, Impairment: wire.Impairment{Delay: 5 * time.Millisecond}},
	Takes:    []string{"events", "size", "pace", "delay", "seed", "ipv6", "tcp-info"},
	Next: []string{
		"rawlab lab run framing --pace 100",
		"rawlab lab run framing --size 20",
		"rawlab lab run framing -o result; rawlab explain result/capture.pcapng",
		"rawlab lab run fragmentation",
	},
	Reading: []string{"RFC 9293, section 3.7 (segmentation)", "RFC 768 (UDP: a datagram has a length)", "RFC 9113, section 4.1 (HTTP/2's frames begin with their length too)"},
	run:     runFraming,
}

// packedBytes is how much the third run packs into a datagram: what fits into
// one packet of Ethernet whatever is around it.
const packedBytes = 1_400

// maxFramed is the largest event of this lab, in bytes: a datagram that IP
// cuts is another lab's matter.
const maxFramed = 1_300

func runFraming(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Size > maxFramed {
		return nil, &OptionError{fmt.Errorf("--size %d: must be 0 to %d bytes, so that a datagram fits into one packet; lab fragmentation is about larger ones", o.Size, maxFramed)}
	}
	out := &Outcome{Result: newResult(o)}
	reads := &countedReads{}
	err := out.conduct(ctx, o,
		&plan{transport: overTCP, tune: gather, around: reads.around, script: steady},
		&plan{transport: overUDP(udpq.ReliabilityNone), script: steady},
		&plan{transport: packing(overUDP(udpq.ReliabilityNone)), variant: "packed", tune: gather, script: steady})
	if err != nil {
		return nil, err
	}
	var carried [3]carriage
	for i := range out.Evidence {
		carried[i] = carriageOf(&out.Evidence[i])
		if len(carried[i].loads) == 0 {
			return nil, errors.New("the capture holds no event")
		}
	}
	r := out.Result
	r.Figures = map[string]float64{
		"tcp events cut": float64(carried[0].cut), "tcp segments with events": float64(len(carried[0].loads)),
		"tcp segments with parts of two events": float64(carried[0].joined), "udp datagrams with events": float64(len(carried[1].loads)),
	}
	read := reads.of(carried[0].from)
	r.Details = carriageTable(r, &carried, &read)
	r.Checks = framingChecks(o, r, &carried, &read)
	r.Story = framingStory(o, &carried, &read)
	return out, nil
}

// gather has the emitter send what it was given within a millisecond at once:
// over TCP in one write, over UDP in one datagram.
func gather(d *dialOptions) {
	d.flush = udpq.DefaultFlushInterval
	d.tune = func(c *udpq.ClientConfig) { c.PackBudget, c.FlushInterval = packedBytes, d.flush }
}

// packing is a transport over UDP whose server packs events into datagrams.
func packing(t *transport) *transport {
	p := *t
	p.serve = func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		s.tuneUDP = func(c *udpq.Config) { c.PackBudget = packedBytes }
		return t.serve(ctx, h, s)
	}
	return &p
}

func framingChecks(o *Options, r *report.Result, carried *[3]carriage, read *readings) []report.Check {
	tcp, udp, packed := &carried[0], &carried[1], &carried[2]
	checks := []report.Check{
		completeCheck(&r.Runs[0]), completeCheck(&r.Runs[1]), completeCheck(&r.Runs[2]),
		check(read.frames == tcp.frames && len(read.rest) == 0, "the server's application finds every frame in what it reads over TCP, by the length that the frame begins with",
			"%s of %s, %d bytes left", report.Count(read.frames), report.Count(tcp.frames), len(read.rest)),
		check(len(udp.loads) == r.Runs[1].Emitted && udp.joined+udp.cut == 0, "over UDP each event is one datagram",
			"%s for %s events, %d with more than one, %d events cut", count(len(udp.loads), "datagram"), report.Count(r.Runs[1].Emitted), udp.joined, udp.cut),
		check(packed.cut == 0, "packing puts whole events into a datagram, and cuts none", "%s in %s, %d cut", report.Count(r.Runs[2].Emitted), count(len(packed.loads), "datagram"), packed.cut),
	}
	if gathered := o.Pace * udpq.DefaultFlushInterval.Seconds() * float64(tcp.frame); gathered > 4*segmentBytes && o.Events*tcp.frame > 20*segmentBytes && tcp.frame > 40 {
		checks = append(checks, check(tcp.joined > 0 && tcp.cut > 0, "TCP's segments begin and end anywhere: they have several events in them, and parts",
			"%s of %s join events, %s are cut", report.Count(tcp.joined), count(len(tcp.loads), "segment"), count(tcp.cut, "event")))
	}
	return checks
}

// segmentBytes is what a full segment carries over IPv4 (RFC 6691; 12 bytes
// go to timestamps).
const segmentBytes = 1448

func framingStory(o *Options, carried *[3]carriage, read *readings) []string {
	tcp, udp, packed := &carried[0], &carried[1], &carried[2]
	text := fmt.Sprintf("Over TCP %s travelled to the server in %s.", countBytes(tcp), count(len(tcp.loads), "segment"))
	if tcp.joined == 0 && tcp.cut == 0 {
		text += fmt.Sprintf(" Each was alone and whole: at %g events per second one had left before the next came, so that it looks as if TCP kept them apart. It promises nothing of the kind.", o.Pace)
	} else {
		text += fmt.Sprintf(" %s of these carried bytes of two events or more, up to %d events; %s to be cut, into two segments or more. A segment ends where it is full, or where nothing more was there to send; what a byte means is nothing to TCP.",
			upperCount(tcp.joined), tcp.most, had(tcp.cut))
	}
	return []string{
		text,
		fmt.Sprintf("The server's application read %s: of these, %s gave it bytes of two frames or more, and %s ended inside of a frame. Neither the segments nor the reads of a stream are messages. That is why every frame begins with its length: with it %s came out whole, the greetings among them.",
			count(read.reads, "time"), report.Count(read.joined), report.Count(read.inside), count(read.frames, "frame")),
		fmt.Sprintf("Over UDP %s took %s, one each: a read gives one datagram, as it was sent. Who wants fewer packets packs several events into one, here %s into %s, up to %d; they arrive or are lost together, and none is cut. TCP used %s for the same.",
			count(udp.events, "event"), count(len(udp.loads), "datagram"), report.Count(packed.events), count(len(packed.loads), "datagram"), packed.most, count(len(tcp.loads), "segment")),
	}
}

// countBytes writes what the events' frames were.
func countBytes(c *carriage) string {
	return fmt.Sprintf("%s of %s bytes", count(c.events, "frame"), report.Count(c.frame))
}

// had writes how many events had.
func had(n int) string {
	if n == 0 {
		return "no event had"
	}
	return count(n, "event") + " had"
}

// upperCount writes a number that begins a sentence.
func upperCount(n int) string {
	if n == 0 {
		return "None"
	}
	return report.Count(n)
}
