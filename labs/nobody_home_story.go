package labs

import (
	"fmt"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
)

// read takes from the capture at the client's host what went and came.
func (c *calls) read(e *report.Evidence, run *report.Run) {
	c.run = run
	parser := dissect.NewParser(dissect.LinkEthernet)
	packets := e.Taps[account.Client].Packets
	for i := range packets {
		p := &packets[i]
		h, err := parser.Parse(p.Data)
		if err != nil {
			continue
		}
		if text := c.note(p, &h); text != "" {
			c.lines = append(c.lines, timeLine{p.Time, text})
		}
	}
	for i := range c.heard {
		c.lines = append(c.lines, timeLine{c.heard[i].time, "the application hears: " + c.heard[i].words()})
	}
}

// note counts a packet and says what it is; "" if it is not the call's.
func (c *calls) note(p *account.Packet, h *dissect.Headers) string {
	arrow := "◀── "
	if p.Outgoing {
		arrow = "──▶ "
	}
	switch {
	case h.Protocol == c.protocol && p.Outgoing && h.SYN:
		c.syns = append(c.syns, p.Time)
	case h.Protocol == c.protocol && h.RST && !p.Outgoing:
		c.resets++
		c.back++
		return arrow + "RST ACK"
	case h.Protocol == c.protocol && p.Outgoing:
		if f, _, err := framing.Parse(h.Payload, framing.DefaultLimit); err == nil {
			return arrow + "datagram with event " + says(account.ID{Origin: f.Origin, Sequence: f.Sequence})
		}
	case h.Protocol == c.protocol:
		c.back++
	case c.protocol == dissect.UDP && !p.Outgoing && portUnreachable(h):
		c.unreachables++
		c.back++
		return arrow + "ICMP: port unreachable"
	default:
		return ""
	}
	return arrow + wordFor(h)
}

// portUnreachable recognizes the error that says that a port has no socket
// (RFC 792; RFC 4443, section 3.1).
func portUnreachable(h *dissect.Headers) bool {
	return len(h.Payload) > 1 && (h.Protocol == dissect.ICMP && h.Payload[0] == 3 && h.Payload[1] == 3 ||
		h.Protocol == dissect.ICMPv6 && h.Payload[0] == 1 && h.Payload[1] == 4)
}

// shownLines is how much of a call the table shows.
const shownLines = 12

// callsTable shows every call, packet by packet at the client's host.
func callsTable(all []*calls) string {
	var b strings.Builder
	for i, c := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(c.title + "\n")
		start := c.began
		if len(c.lines) > 0 {
			start = c.lines[0].time
		}
		table := timeTable(start, c.lines)
		for n, line := range strings.SplitAfter(table, "\n") {
			if n == shownLines {
				fmt.Fprintf(&b, "              and so on, %s in all\n", count(len(c.lines), "line"))
				break
			}
			b.WriteString(line)
		}
		if len(c.heard) == 0 {
			b.WriteString("              the application hears nothing\n")
		}
	}
	return b.String()
}

func nobodyHomeStory(o *Options, c []*calls) []string {
	tcp, connected, bare, silent, lost := c[0], c[1], c[2], c[3], c[4]
	asked := connected.run.Fates[string(account.NoSocket)]
	text := fmt.Sprintf("UDP does not ask before it sends: %s left, and the host sent back an ICMP error for %s; each quotes the datagram that it is about. A socket that was connected to one peer is given the error at its next call: this one heard of it %s, first after %s.",
		count(asked, "datagram"), report.Count(connected.unreachables), count(connected.refused(), "time"), milliseconds(connected.firstHeard()))
	if connected.refused() < connected.unreachables {
		text += " Errors that come between two calls are told as one."
	}
	if refused := connected.run.Emitted - asked; refused > 0 {
		text += fmt.Sprintf(" %s never left: the call that should have sent gave back such an error instead.", count(refused, "event"))
	}
	return []string{
		fmt.Sprintf("A host where nobody listens on the port says so. TCP's SYN was answered with a reset (RST), and the application knew after %s, where a round trip takes %v. Its event had not left: there was no connection to write it to.",
			milliseconds(tcp.firstHeard()), 2*o.Impairment.Delay),
		text + fmt.Sprintf(" The other socket could be sending to anybody; %s came back to its host, and it heard of %s.", count(bare.unreachables, "such error"), noneOr(bare.refused())),
		silentStory(silent),
		fmt.Sprintf("UDP sent its %s into the same silence. Nothing came back, no call failed, and the application heard %s. Only an answer of the other application can tell that it is there: that is what acknowledgements and keep-alives are for.",
			count(lost.run.Emitted, "datagram"), noneOr(len(lost.heard))) + " A wire that is down stands here for a host that is switched off and for a firewall that drops without a word: from the client they all look like this.",
	}
}

func silentStory(c *calls) string {
	text := fmt.Sprintf("Where nothing answers, TCP cannot tell a lost SYN from an absent host, and asks again: %s left.", count(len(c.syns), "SYN"))
	if waits := c.waits(); len(waits) > 0 {
		text += fmt.Sprintf(" It waited %s between them", seconds(waits))
		if len(waits) > 1 && doubled(waits) {
			text += ": the timer, which begins at a second where no round trip has been measured yet, doubles each time"
		}
		text += "."
	}
	if len(c.heard) > 0 {
		h := c.heard[0]
		text += fmt.Sprintf(" After %.1f s the application heard: %s.", h.time.Sub(c.began).Seconds(), h.words())
	}
	return text
}

// seconds lists times.
func seconds(list []time.Duration) string {
	words := make([]string, len(list))
	for i, d := range list {
		words[i] = fmt.Sprintf("%.2f", d.Seconds())
	}
	return strings.Join(words, ", ") + " s"
}

// noneOr writes how many things were heard.
func noneOr(n int) string {
	if n == 0 {
		return "nothing"
	}
	return report.Count(n)
}
