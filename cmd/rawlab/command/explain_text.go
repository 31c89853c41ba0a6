package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"
	"golang.org/x/term"

	"rawlab/framing"
	"rawlab/labs/report"
)

const (
	explainWidth = 80
	flowsShown   = 12
)

// explainPrinter writes a capture's events for a person. Times are UTC.
type explainPrinter struct {
	w    io.Writer
	x    *captureIndex
	hex  bool
	bold func(string) string

	b strings.Builder
}

// bold returns what marks headings: on a terminal, bold, unless the user
// wants none (https://no-color.org).
func bold(w io.Writer) func(string) string {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("NO_COLOR") != "" {
		return func(s string) string { return s }
	}
	return func(s string) string { return "\x1b[1m" + s + "\x1b[0m" }
}

// print writes the summary and a block for each event, or with one the whole
// story.
func (p *explainPrinter) print(one bool) error {
	if !one {
		if err := p.head(); err != nil {
			return err
		}
	}
	for _, s := range p.x.shown {
		p.block(s)
		if one {
			for _, n := range s.packets() {
				p.packet(p.x.details[n], s)
			}
		} else {
			p.outline(s)
		}
		if err := p.flush(); err != nil {
			return err
		}
	}
	for n := 1; n <= p.x.plain; n++ {
		p.packet(p.x.details[n], nil)
		if err := p.flush(); err != nil {
			return err
		}
	}
	if one {
		return nil
	}
	return p.more()
}

func (p *explainPrinter) flush() error {
	_, err := io.WriteString(p.w, p.b.String())
	p.b.Reset()
	return err
}

func (p *explainPrinter) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n", args...)
}

// glue is a space at which wrapped breaks no line.
const glue = "\x1f"

// wrapped writes text after a head, broken at the terminal's width.
func (p *explainPrinter) wrapped(head, text string) {
	p.b.WriteString(strings.ReplaceAll(report.Wrap(text, head, explainWidth), glue, " "))
}

// head tells what is in the file.
func (p *explainPrinter) head() error {
	x := p.x
	p.line("%s", p.bold(x.file))
	if x.packets == 0 {
		p.line("  holds no packets")
	} else {
		p.line("  %s in %s, from %s UTC", count(x.packets, "packet"), duration(x.last.Sub(x.first)), x.first.UTC().Format("2006-01-02 15:04:05.000000"))
	}
	for i, n := range x.packetsAt {
		p.line("  %8s at %s", report.Count(n), x.place(i))
	}
	if len(x.packetsAt) > 1 {
		p.line("  what passes two interfaces is counted at both")
	}
	if err := p.flows(); err != nil {
		return err
	}
	p.findings()
	return p.flush()
}

// place names an interface.
func (x *captureIndex) place(iface int) string {
	if name := x.interfaces[iface].Name; name != "" {
		return printable(name)
	}
	return fmt.Sprintf("interface %d", iface)
}

func (p *explainPrinter) flows() error {
	flows := slices.Clone(p.x.flows)
	if len(flows) == 0 {
		return nil
	}
	slices.SortStableFunc(flows, func(a, b tappedFlow) int { return order(b.Ours) - order(a.Ours) })
	var rows [][]string
	for _, f := range flows[:min(len(flows), flowsShown)] {
		frames := "–"
		if f.Ours {
			frames = report.Count(f.Frames)
		}
		rows = append(rows, []string{
			report.Count(f.Packets), report.Count(f.Bytes), frames, fmt.Sprintf("%v %v > %v", f.Transport, f.Client, f.Server),
		})
	}
	p.line("")
	align := tw.MakeAlign(4, tw.AlignRight)
	align[3] = tw.AlignLeft
	if err := writeTable(&p.b, align, []string{"packets", "payload bytes", "frames", "flow, client > server"}, rows); err != nil {
		return err
	}
	if more := len(flows) - flowsShown; more > 0 {
		p.line("  and %s", count(more, "more flow"))
	}
	return nil
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// findings tells the frames by kind, and what was wrong.
func (p *explainPrinter) findings() {
	x := p.x
	p.line("")
	if kinds := x.kinds(); kinds != "" {
		p.wrapped("frames  ", kinds)
	}
	s := x.stats
	for _, note := range []struct {
		n    int
		text string
	}{
		{s.Damaged, "packets have a bad checksum: the receiving kernel drops them"},
		{s.Unreadable, "packets could not be read as far as their ports"},
		{s.Missing, "bytes of flows and datagrams are not in the capture"},
		{s.Skipped, "bytes of rawlab's flows hold no frame"},
		{s.Evicted, "flows were given up, because there are so many at once"},
		{x.untold(), "ICMP errors about events, more than are kept, are not told with them"},
	} {
		if note.n > 0 {
			p.wrapped("note    ", report.Count(note.n)+" "+note.text)
		}
	}
	switch n, shown := x.events.count(), len(x.shown); {
	case n == 0 && x.packets == 0:
	case n == 0:
		p.wrapped("events  ", "none: no rawlab event is in this file. Its packets:")
	case shown < n:
		p.wrapped("events  ", fmt.Sprintf("%s; here are the first %s:", report.Count(n), report.Count(shown)))
	default:
		p.wrapped("events  ", report.Count(n))
	}
}

// kinds counts the frames of each kind.
func (x *captureIndex) kinds() string {
	var s []string
	for k, n := range x.frames {
		if n > 0 {
			s = append(s, report.Count(n)+glue+framing.Kind(k).String())
		}
	}
	if x.damaged > 0 {
		s = append(s, report.Count(x.damaged)+glue+"damaged")
	}
	return strings.Join(s, ", ")
}

// more tells how to see what was left out.
func (p *explainPrinter) more() error {
	x := p.x
	events := x.events.count()
	switch {
	case len(x.shown) > 0 && len(x.shown) < events:
		p.line("")
		p.wrapped("", fmt.Sprintf("%s not shown: --limit 0 shows all, --event %s every layer of one.", count(events-len(x.shown), "more event"), x.shown[0].name()))
	case len(x.shown) > 0:
		p.line("")
		p.wrapped("", fmt.Sprintf("--event %s shows every layer of one.", x.shown[0].name()))
	case events == 0 && x.plain < x.packets:
		p.line("")
		p.wrapped("", fmt.Sprintf("%s not shown: --limit 0 shows all.", count(x.packets-x.plain, "more packet")))
	}
	return p.flush()
}

// byteRange writes the range [from, to) as people count: the last included.
func byteRange(from, to int) string {
	switch to - from {
	case 0:
		return "–"
	case 1:
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d–%d", from, to-1)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Count(n) + " " + what + "s"
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05.000000000") }

// duration writes a span of time in seconds or milliseconds.
func duration(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.3f ms", float64(d.Microseconds())/1000)
}
