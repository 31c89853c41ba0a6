package labs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
)

// carriage is how events left the emitter's host: what each segment, or each
// datagram, carried for the first time.
type carriage struct {
	from   netip.AddrPort // the emitter
	frames int            // all that it sent, not events alone
	events int
	frame  int // bytes of the last event's frame
	loads  []load
	joined int // loads with bytes of two events or more
	most   int // events in one load
	cut    int // events in two loads or more
}

// load is the events, whole or in part, that one packet carried.
type load struct {
	packet int
	parts  []loadPart
}

type loadPart struct {
	sequence uint64
	at       int // where in the event's frame it begins
	bytes    int
	whole    bool
}

// carriageOf reads a run's capture at the emitter's host.
func carriageOf(e *report.Evidence) carriage {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet, Ports: []uint16{serverPort}})
	for i, p := range e.Taps[account.Client].Packets {
		if p.Outgoing {
			a.Add(i, p.Time, p.Data)
		}
	}
	var c carriage
	frames := a.Finish()
	loads := map[int]*load{}
	for _, f := range frames {
		if f.Kind != framing.KindEmit || f.Err != nil {
			continue
		}
		c.from, c.frame = f.Src, f.Length
		c.events++
		packets := 0
		for _, p := range f.Parts {
			if p.Retransmission || p.Damaged {
				continue
			}
			packets++
			l := loads[p.Packet]
			if l == nil {
				l = &load{packet: p.Packet}
				loads[p.Packet] = l
			}
			l.parts = append(l.parts, loadPart{f.Sequence, p.At, p.To - p.From, p.To-p.From == f.Length})
		}
		if packets > 1 {
			c.cut++
		}
	}
	for _, f := range frames {
		if f.Src == c.from && f.Err == nil {
			c.frames++
		}
	}
	for _, l := range loads {
		slices.SortFunc(l.parts, func(a, b loadPart) int { return cmp.Compare(a.sequence, b.sequence) })
		c.loads = append(c.loads, *l)
		c.most = max(c.most, len(l.parts))
		if len(l.parts) > 1 {
			c.joined++
		}
	}
	slices.SortFunc(c.loads, func(a, b load) int { return cmp.Compare(a.packet, b.packet) })
	return c
}

// words say what a load carried.
func (l *load) words() string {
	var words []string
	for _, p := range l.parts {
		id := account.SayEvents([]account.ID{{Origin: emitterID, Sequence: p.sequence}})[len("event "):]
		switch {
		case p.whole:
			words = append(words, id)
		case p.at == 0:
			words = append(words, "the beginning of "+id)
		default:
			words = append(words, "the rest of "+id)
		}
	}
	return strings.Join(words, " · ")
}

// bytes is how much of events the load carried.
func (l *load) bytes() int {
	n := 0
	for _, p := range l.parts {
		n += p.bytes
	}
	return n
}

// shown is how many loads the table shows of each run.
const shown = 4

// carriageTable shows the counts, and a few loads of each run: of TCP's the
// first that are not one whole event.
func carriageTable(r *report.Result, carried *[3]carriage, read *readings) string {
	var b strings.Builder
	b.WriteString("to the server                           TCP         UDP  UDP packed\n")
	row := func(name string, of func(*carriage) int) {
		fmt.Fprintf(&b, "  %-30s", name)
		for i := range carried {
			fmt.Fprintf(&b, " %11s", report.Count(of(&carried[i])))
		}
		b.WriteString("\n")
	}
	row("packets that carried events", func(c *carriage) int { return len(c.loads) })
	row("  with parts of two or more", func(c *carriage) int { return c.joined })
	row("  events in one, at most", func(c *carriage) int { return c.most })
	row("events cut between packets", func(c *carriage) int { return c.cut })
	fmt.Fprintf(&b, "  %-30s %11s\n", "reads of the application", report.Count(read.reads))
	for i := range carried {
		c := &carried[i]
		odd := func(l load) bool { return len(l.parts) > 1 || !l.parts[0].whole }
		at := max(0, slices.IndexFunc(c.loads, odd)-1)
		fmt.Fprintf(&b, "\n%s, as it left the emitter's host\n", strings.ToUpper(r.Runs[i].Transport)+r.Runs[i].Name()[len(r.Runs[i].Transport):])
		for _, l := range c.loads[at:min(len(c.loads), at+shown)] {
			b.WriteString(report.Wrap(l.words(), fmt.Sprintf("  %5s bytes  ", report.Count(l.bytes())), 80))
		}
	}
	return b.String()
}
