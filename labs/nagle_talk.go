package labs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
	"rawlab/framing"
	"rawlab/labs/report"
)

// requestTalk is one run's requests.
type requestTalk struct {
	first, second time.Duration     // latency that half of the first and second events have or exceed
	flow          tcpflow.Direction // over TCP, from the emitter to the server, at the emitter's host
	delayed       tcpflow.Waits     // acknowledgements of it, at the server's host
	shown         account.ID        // the first event of the request that the table shows
	start         time.Time         // when that was due
	lines         []timeLine
}

// readRequests reads a run's ledger and captures.
func readRequests(e *report.Evidence) (requestTalk, error) {
	var t requestTalk
	parser := dissect.NewParser(dissect.LinkEthernet)
	packets := e.Taps[account.Client].Packets
	emitter, ok := emitterAddress(packets, parser)
	if !ok {
		return t, fmt.Errorf("%s: no packet at the client carries an event", e.Transport)
	}
	var parts [2][]time.Duration
	for i := range e.Ledger.Events {
		if v := &e.Ledger.Events[i]; v.Fate == "" {
			parts[i%2] = append(parts[i%2], v.Latency)
		}
	}
	t.first, t.second = median(parts[0]), median(parts[1])
	if e.Transport == "tcp" {
		t.flow = toServer(&e.Taps[account.Client], emitter)
		t.delayed = toServer(&e.Taps[account.Server], emitter).DelayedAcks
	}
	t.shown = e.Ledger.Events[len(e.Ledger.Events)/4*2].ID // the middle one, as the first ones of a connection differ
	t.follow(packets, parser, emitter)
	return t, nil
}

// toServer is what a tap tells of a connection's way to the server.
func toServer(tap *account.Tap, client netip.AddrPort) tcpflow.Direction {
	for _, f := range followTCP(tap, func(*tcpflow.Segment) {}) {
		if f.Client == client {
			return f.ToServer
		}
	}
	return tcpflow.Direction{}
}

// follow notes what went to and from the emitter from the shown request's
// beginning until it is answered.
func (t *requestTalk) follow(packets []account.Packet, parser *dissect.Parser, emitter netip.AddrPort) {
	answer := account.ID{Origin: t.shown.Origin, Sequence: t.shown.Sequence + 1}
	for i := range packets {
		p := &packets[i]
		h, err := parser.Parse(p.Data)
		if err != nil || h.Src != emitter && h.Dst != emitter {
			continue
		}
		text, over := "", false
		for b := h.Payload; len(b) > 0; {
			f, n, err := framing.Parse(b, framing.DefaultLimit)
			if err != nil {
				break
			}
			b = b[n:]
			id := account.ID{Origin: f.Origin, Sequence: f.Sequence}
			if f.Kind == framing.KindEmit && (id == t.shown || id == answer) {
				due := time.Unix(0, int64(f.Time))
				if id == t.shown {
					t.start = due
				}
				t.lines = append(t.lines, timeLine{due, "the application writes event " + says(id)})
			}
			if f.Kind == framing.KindEvent && text == "" {
				text = ", the answer:"
			}
			over = over || f.Kind == framing.KindEvent && id == answer
			text += ", event " + says(id)
		}
		if t.start.IsZero() {
			continue
		}
		if text = strings.ReplaceAll(strings.TrimPrefix(text, ", "), ":,", ":"); text == "" {
			text = wordFor(&h)
		}
		arrow := "◀── "
		if p.Outgoing {
			arrow = "──▶ "
		}
		if len(t.lines) < shownLines {
			t.lines = append(t.lines, timeLine{p.Time, arrow + text})
		}
		if over {
			return
		}
	}
}

// requestsTable shows one request of each run.
func requestsTable(r *report.Result, talks *[3]requestTalk) string {
	titles := [3]string{"TCP with Nagle's algorithm", "TCP with TCP_NODELAY", "UDP"}
	var b strings.Builder
	for i := range talks {
		t := &talks[i]
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: one request, at the client's host\n", titles[i])
		b.WriteString(timeTable(t.start, t.lines))
	}
	return b.String()
}

func nagleStory(o *Options, talks *[3]requestTalk) []string {
	nagle, nodelay, udp := &talks[0], &talks[1], &talks[2]
	trip := 2 * o.Impairment.Delay
	text := fmt.Sprintf("Nagle's algorithm lets one small segment be on its way, and keeps back what else is small until that is acknowledged, so that many small writes fill few segments. Here it kept back a segment %s, for up to %s, and half of the second events took %s or more.",
		count(nagle.flow.Nagle.Count, "time"), milliseconds(nagle.flow.Nagle.Longest), milliseconds(nagle.second))
	var why string
	switch d := nagle.delayed; {
	case d.Count > 0:
		why = fmt.Sprintf("The acknowledgement itself was late: the server's host delayed it %s, by %s on average, hoping to send it along with an answer (RFC 1122 allows up to 500 ms; Linux waits 40). But the answer comes only to the second event, and that waits for the acknowledgement: each end waits for the other, until the timer ends it.",
			count(d.Count, "time"), milliseconds(mean(d)))
	case o.backend() == BackendVirtual:
		why = fmt.Sprintf("What was waited for is an acknowledgement, which takes a round trip: %v. Virtual hosts send it at once. Linux delays it by 40 ms where it expects to answer, and then each end waits for the other: kernel hosts show that.", trip)
	default:
		why = fmt.Sprintf("What was waited for is an acknowledgement, which takes a round trip: %v. The server's host delayed none in this run.", trip)
	}
	return []string{
		text, why,
		fmt.Sprintf("With TCP_NODELAY both left as they came, and half of the second events took %s or more; over UDP, which keeps nothing back, %s. Go's sockets have TCP_NODELAY set from the start, most others' have not. Who writes a request in one call needs neither.",
			milliseconds(nodelay.second), milliseconds(udp.second)),
	}
}

// mean is the average wait.
func mean(w tcpflow.Waits) time.Duration {
	if w.Count == 0 {
		return 0
	}
	return w.Total / time.Duration(w.Count)
}

// median is what half of some times reach or exceed.
func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}
