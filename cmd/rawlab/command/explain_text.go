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

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
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
	if len(x.frames) > 0 {
		p.wrapped("frames  ", x.kinds())
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
	} {
		if note.n > 0 {
			p.wrapped("note    ", report.Count(note.n)+" "+note.text)
		}
	}
	switch n, shown := len(x.stories), len(x.shown); {
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
	var kinds [framing.KindBye + 1]int
	bad := 0
	for _, f := range x.frames {
		if f.Kind.Valid() && trusted(f.Frame) {
			kinds[f.Kind]++
		} else {
			bad++
		}
	}
	var s []string
	for k, n := range kinds {
		if n > 0 {
			s = append(s, report.Count(n)+glue+framing.Kind(k).String())
		}
	}
	if bad > 0 {
		s = append(s, report.Count(bad)+glue+"damaged")
	}
	return strings.Join(s, ", ")
}

// more tells how to see what was left out.
func (p *explainPrinter) more() error {
	x := p.x
	switch {
	case len(x.shown) > 0 && len(x.shown) < len(x.stories):
		p.line("")
		p.wrapped("", fmt.Sprintf("%s not shown: --limit 0 shows all, --event %s every layer of one.", count(len(x.stories)-len(x.shown), "more event"), x.shown[0].name()))
	case len(x.shown) > 0:
		p.line("")
		p.wrapped("", fmt.Sprintf("--event %s shows every layer of one.", x.shown[0].name()))
	case len(x.stories) == 0 && x.plain < x.packets:
		p.line("")
		p.wrapped("", fmt.Sprintf("%s not shown: --limit 0 shows all.", count(x.packets-x.plain, "more packet")))
	}
	return p.flush()
}

// block tells which packets carried an event.
func (p *explainPrinter) block(s *story) {
	f := s.whole()
	p.line("")
	text := fmt.Sprintf("topic %q, %s", f.Topic, count(f.PayloadLength, "byte"))
	if s.emitted > 0 {
		text += ", emitted " + clockTime(time.Unix(0, int64(s.emitted)))
	}
	p.line("%s over %v, %s", p.bold("event "+s.name()), f.Transport, text)
	var last sighting
	for i, f := range s.sorted() {
		if i == 0 || f.Kind != last.Kind || f.Src != last.Src || f.Dst != last.Dst {
			p.line("  %-5v %v > %v, frame of %s", f.Kind, f.Src, f.Dst, count(f.Length, "byte"))
		}
		last = f
		p.parts(s, f)
	}
	if p.x.delivers && !slices.ContainsFunc(s.frames, func(f sighting) bool { return f.Kind == framing.KindEvent }) {
		p.line("  event in no packet: it goes on to no subscriber in this capture")
	}
	said := ""
	for _, f := range s.answers {
		d := p.x.details[f.Parts[0].Packet]
		if text := answerText(f.Frame); text != said {
			p.line("  %-5v %s", f.Kind, text)
			said = text
		}
		p.wrapped(p.partHead(s, d), "bytes "+byteRange(f.Parts[0].From, f.Parts[0].To))
	}
}

// sorted groups the copies of a frame at different interfaces.
func (s *story) sorted() []sighting {
	var sorted []sighting
	rest := slices.Clone(s.frames)
	for len(rest) > 0 {
		first := rest[0]
		same := func(f sighting) bool { return f.Kind == first.Kind && f.Src == first.Src && f.Dst == first.Dst }
		for _, f := range rest {
			if same(f) {
				sorted = append(sorted, f)
			}
		}
		rest = slices.DeleteFunc(rest, same)
	}
	return sorted
}

// parts writes a line for each packet that carried a part of a frame.
func (p *explainPrinter) parts(s *story, f sighting) {
	for _, part := range f.Parts {
		d := p.x.details[part.Packet]
		text := fmt.Sprintf("bytes %s %s", byteRange(part.From, part.To), share(f.Frame, part))
		if n := d.frames(); n > 1 && f.Fragments == 0 {
			text += fmt.Sprintf(", with %s", count(n-1, "other frame"))
		}
		if part.Retransmission {
			text += ", sent again"
		}
		if part.Damaged {
			text += ", damaged on the way and not believed"
		}
		for _, c := range d.Comments {
			text += " · " + printable(fateOf(c))
		}
		p.wrapped(p.partHead(s, d), text)
		if p.hex {
			dump(&p.b, d.Data)
		}
	}
	if f.Err != nil {
		p.wrapped("    ! ", f.Err.Error())
	}
}

// partHead begins a line about a packet: its number, tap and time.
func (p *explainPrinter) partHead(s *story, d *packetDetail) string {
	return fmt.Sprintf("    packet %-*d %s %10s  ", len(strconv.Itoa(p.x.packets)), d.number, p.x.tap(&d.Packet), s.since(d.Time))
}

// frames counts the frames that a packet carried.
func (d *packetDetail) frames() int {
	seen := map[*dissect.Frame]bool{}
	for _, c := range d.carried {
		seen[c.Frame] = true
	}
	return len(seen)
}

// share says how much of a frame one packet brought.
func share(f *dissect.Frame, part dissect.Part) string {
	n := part.To - part.From
	switch {
	case n == f.Length:
		return "whole"
	case f.Length == 0:
		return fmt.Sprintf("(%s of a frame)", count(n, "byte"))
	}
	s := fmt.Sprintf("are %s of %d", byteRange(part.At, part.At+n), f.Length)
	if f.Fragments > 0 {
		s += fmt.Sprintf(", in one of %s", count(f.Fragments, "fragment frame"))
	}
	return s
}

// fateOf is what a comment of ours says last; of others all of it.
func fateOf(comment string) string {
	if events, fate, ok := strings.Cut(comment, "; "); ok && strings.HasPrefix(events, "event ") {
		return fate
	}
	return comment
}

// tap names where and in which direction a packet was captured.
func (x *captureIndex) tap(p *pcapng.Packet) string {
	wide := 0
	for i := range x.interfaces {
		wide = max(wide, len(x.place(i)))
	}
	return fmt.Sprintf("%-*s %-3s", min(wide, 16), x.place(p.Interface), direction(p))
}

func direction(p *pcapng.Packet) string {
	switch p.Flags & pcapng.FlagDirection {
	case pcapng.FlagInbound:
		return "in"
	case pcapng.FlagOutbound:
		return "out"
	}
	return ""
}

// since is how long after the emit a packet was captured, or after the first
// packet if the emit time is unknown or not of this clock.
func (s *story) since(t time.Time) string {
	emitted := time.Unix(0, int64(s.emitted))
	first := s.frames[0].First
	if d := first.Sub(emitted); s.emitted == 0 || d < 0 || d > time.Hour {
		emitted = first
	}
	return "+" + strconv.FormatFloat(float64(t.Sub(emitted).Microseconds())/1000, 'f', 3, 64) + " ms"
}

// answerText says what a frame confirmed or refused.
func answerText(f *dissect.Frame) string {
	switch {
	case f.Kind == framing.KindNack:
		return fmt.Sprintf("from %v: refused, %v", f.Src, f.Code)
	case f.Flags&framing.FlagOffset != 0:
		return fmt.Sprintf("from %v: all of topic %q up to offset %d", f.Src, f.Topic, f.Offset)
	}
	return fmt.Sprintf("from %v: all of origin %d up to %d", f.Src, f.Origin, f.Sequence)
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
