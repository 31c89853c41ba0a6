package labs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
	"rawlab/udpq"
)

// Layers shows one event on its way through the layers, over TCP and UDP.
var Layers = &Lab{
	Name:     "layers",
	Question: "which bytes does each layer add to one event, over TCP and over UDP?",
	Varies:   "the transport: TCP beside UDP",
	Held:     "the event, and a wire that does nothing to it",
	Expect:   "the same event inside the same frame; TCP's header is larger and its conversation longer",
	Predict: Prediction{
		Ask:  "One event goes over TCP to a server and on to a subscriber. How many packets does that take, from the first SYN to the last acknowledgement?",
		Unit: "packets", Answer: func(r *report.Result) float64 { return float64(r.Runs[0].Packets) },
	},
	Next:     []string{"rawlab lab run layers --size 1000", "rawlab lab run layers --ipv6", "rawlab lab run loss -o result; rawlab explain result/capture.pcapng"},
	Reading:  []string{"RFC 1122, section 1.1.3 (the layers)", "RFC 768 (UDP)", "RFC 9293, section 3.1 (TCP's header)"},
	Defaults: Options{Events: 1, Size: 16, Pace: 1_000, Seed: 1},
	Takes:    []string{"size", "seed", "ipv6", "fragments", "tcp-info"},
	run:      runLayers,
}

func runLayers(ctx context.Context, o *Options) (*Outcome, error) {
	out := &Outcome{Result: newResult(o)}
	if err := out.conduct(ctx, o, &plan{transport: overTCP, script: steady}, &plan{transport: overUDP(udpq.ReliabilityNone), script: steady}); err != nil {
		return nil, err
	}
	var carriers [2]carrier
	for i := range out.Evidence {
		var err error
		if carriers[i], err = findCarrier(&out.Evidence[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", out.Evidence[i].Transport, err)
		}
	}
	r := out.Result
	r.Details = sideBySide(&carriers[0], &carriers[1])
	r.Story = layersStory(r, &carriers)
	r.Checks = layersChecks(r, &carriers)
	return out, nil
}

// carrier is the packet that carried the event to the server.
type carrier struct {
	data   []byte
	layers []dissect.Layer
	frame  *dissect.Frame
}

func findCarrier(e *report.Evidence) (carrier, error) {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet, Ports: []uint16{serverPort}})
	packets := e.Taps[account.Client].Packets
	for i := range packets {
		a.Add(i, packets[i].Time, packets[i].Data)
	}
	for _, f := range a.Finish() {
		if f.Kind != framing.KindEmit || f.Err != nil || len(f.Parts) == 0 {
			continue
		}
		data := packets[f.Parts[0].Packet].Data
		layers := dissect.Dissect(data, dissect.LinkEthernet, dissect.Carried{Frame: f, Part: f.Parts[0]})
		return carrier{data: data, layers: layers, frame: f}, nil
	}
	return carrier{}, errors.New("the capture does not hold the event")
}

// at returns the layers at one of OSI's seven.
func (c *carrier) at(osi int) []dissect.Layer {
	var l []dissect.Layer
	for _, layer := range c.layers {
		if layer.OSI == osi {
			l = append(l, layer)
		}
	}
	return l
}

// column is the width of one transport's half of the page.
const column = 39

// sideBySide shows both packets from the event down to the wire.
func sideBySide(tcp, udp *carrier) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %s\n", column, fmt.Sprintf("TCP, %d bytes", len(tcp.data)), fmt.Sprintf("UDP, %d bytes", len(udp.data)))
	for osi := 7; osi >= 1; osi-- {
		left, right := tcp.at(osi), udp.at(osi)
		if len(left) == 0 && len(right) == 0 {
			continue
		}
		first := append(left[:len(left):len(left)], right...)[0]
		title := fmt.Sprintf("%d %s (TCP/IP: %s) ", osi, first.OSIName, first.TCPIP)
		fmt.Fprintf(&b, "\n%s%s\n", title, strings.Repeat("─", 80-len(title)))
		l, r := tcp.lines(left), udp.lines(right)
		for i := range max(len(l), len(r)) {
			line := fmt.Sprintf("%-*s  %s", column, at(l, i), at(r, i))
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// lines writes layers with their fields and their bytes.
func (c *carrier) lines(layers []dissect.Layer) []string {
	var lines []string
	for _, l := range layers {
		head := l.Name
		if l.To > l.From {
			head += fmt.Sprintf(", %d bytes at %d", l.To-l.From, l.From)
		}
		lines = append(lines, split(head)...)
		for _, f := range l.Fields {
			lines = append(lines, split("  "+f.Name+": "+f.Value)...)
		}
		lines = append(lines, hex(c.data[l.From:l.To], l.From)...)
		for _, f := range trailer(&l) {
			lines = append(lines, hex(c.data[f.From:f.To], f.From)...)
		}
	}
	return lines
}

// split breaks a line that is too long for its column.
func split(line string) []string {
	return strings.Split(strings.TrimRight(report.Wrap(strings.TrimLeft(line, " "), line[:len(line)-len(strings.TrimLeft(line, " "))], column), "\n"), "\n")
}

// hex shows bytes, eight a line, with their place in the packet.
func hex(b []byte, at int) []string {
	const perLine = 8
	var lines []string
	for i := 0; i < len(b); i += perLine {
		row := b[i:min(i+perLine, len(b))]
		text := make([]byte, len(row))
		for j, c := range row {
			text[j] = '.'
			if c >= ' ' && c <= '~' {
				text[j] = c
			}
		}
		lines = append(lines, fmt.Sprintf("  %04x %-23s %s", at+i, fmt.Sprintf("% x", row), text))
	}
	return lines
}

func layersStory(r *report.Result, c *[2]carrier) []string {
	tcp, udp := &r.Runs[0], &r.Runs[1]
	return []string{
		fmt.Sprintf("The event's %d bytes travel in a frame of %d bytes over TCP (length, kind, identity, topic) and of %d over UDP, where the frame has a checksum of its own as well. The packets around them have %d and %d bytes.",
			c[0].frame.PayloadLength, c[0].frame.Length, c[1].frame.Length, len(c[0].data), len(c[1].data)),
		fmt.Sprintf("From the first packet to the last, TCP's clients and server needed %d packets (%s bytes) to connect, agree, carry the event to the subscriber, acknowledge and part; UDP's needed %d (%s bytes), for it has no connection to open or close, and acknowledges no event.",
			tcp.Packets, report.Count(tcp.WireBytes), udp.Packets, report.Count(udp.WireBytes)),
	}
}

func layersChecks(r *report.Result, c *[2]carrier) []report.Check {
	tcp, udp := c[0].covered(), c[1].covered()
	return []report.Check{
		{
			Claim:    "the layers cover every byte of each packet exactly once",
			Measured: fmt.Sprintf("%d of %d bytes over TCP, %d of %d over UDP", tcp, len(c[0].data), udp, len(c[1].data)),
			Held:     tcp == len(c[0].data) && udp == len(c[1].data),
		},
		{
			Claim:    "TCP needs more packets than UDP for one event",
			Measured: fmt.Sprintf("%d and %d", r.Runs[0].Packets, r.Runs[1].Packets),
			Held:     r.Runs[0].Packets > r.Runs[1].Packets,
		},
	}
}

// covered counts the packet's bytes that are in exactly one layer: in its
// range, or in a field behind what it carries, as a checksum at the end is.
func (c *carrier) covered() int {
	times := make([]int, len(c.data))
	for _, l := range c.layers {
		for i := l.From; i < l.To; i++ {
			times[i]++
		}
		for _, f := range trailer(&l) {
			for i := f.From; i < f.To; i++ {
				times[i]++
			}
		}
	}
	n := 0
	for _, t := range times {
		if t == 1 {
			n++
		}
	}
	return n
}

// trailer lists a layer's fields that stand behind what the layer carries.
func trailer(l *dissect.Layer) []dissect.Field {
	var behind []dissect.Field
	for _, f := range l.Fields {
		if f.From >= l.To && l.To > l.From {
			behind = append(behind, f)
		}
	}
	return behind
}
