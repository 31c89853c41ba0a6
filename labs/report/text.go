package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"rawlab/capture/account"
)

// width is what a terminal has at least.
const width = 80

// WriteText writes the result for a person: the table, what happened and
// why, and the checks.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString(Wrap(r.Lab+": "+r.Question, "", width) + "\n")
	if err := r.table(&b); err != nil {
		return err
	}
	if err := r.partsTable(&b); err != nil {
		return err
	}
	if err := r.tcpInfoTable(&b); err != nil {
		return err
	}
	if p := r.Prediction; p != nil {
		fmt.Fprintf(&b, "\nyou predicted %s, measured were %s\n", p.Write(p.Predicted), p.Write(p.Measured))
	}
	if r.Details != "" {
		b.WriteString("\n" + r.Details)
	}
	for _, s := range r.Story {
		b.WriteString("\n" + Wrap(s, "", width))
	}
	r.writeChecks(&b)
	r.writeFurther(&b)
	r.writeRepeat(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// row is a line of the table: a name, and what each run has for it.
type row struct {
	name string
	cell func(*Run) string
	when func(*Run) bool // shown if any run says so; nil: always
}

func (r *Result) rows() []row {
	rows := []row{
		{"emitted", func(u *Run) string { return Count(cmp.Or(u.Events, u.Emitted)) }, nil},
		{"due to subscribers", func(u *Run) string { return Count(u.Emitted) }, func(u *Run) bool { return u.Events > 0 }},
		{"delivered", func(u *Run) string { return Count(u.Delivered) }, nil},
	}
	for _, f := range account.Fates {
		if f == account.Unexplained {
			continue
		}
		name := string(f)
		rows = append(rows, row{"lost: " + name, func(u *Run) string { return Count(u.Fates[name]) }, func(u *Run) bool { return u.Fates[name] > 0 }})
	}
	ms := func(pick func(*Latency) float64) func(*Run) string {
		return func(u *Run) string {
			if u.LatencyUS == nil {
				return "–"
			}
			return Milliseconds(pick(u.LatencyUS))
		}
	}
	return append(rows,
		row{"unexplained", func(u *Run) string { return Count(u.Unexplained) }, nil},
		row{"duplicates", func(u *Run) string { return Count(u.Duplicates) }, func(u *Run) bool { return u.Duplicates > 0 }},
		row{"reordered (RFC 4737)", func(u *Run) string {
			if u.Reordered == nil {
				return "–"
			}
			return Share(u.Reordered.Events, u.Delivered)
		}, func(u *Run) bool { return u.Reordered != nil && u.Reordered.Events > 0 }},
		row{"  places late, at most", func(u *Run) string {
			if u.Reordered == nil {
				return "–"
			}
			return Count(u.Reordered.ExtentMax)
		}, func(u *Run) bool { return u.Reordered != nil && u.Reordered.Events > 0 }},
		row{"latency p50", ms(func(l *Latency) float64 { return l.P50 }), nil},
		row{"latency p99", ms(func(l *Latency) float64 { return l.P99 }), nil},
		row{"latency max", ms(func(l *Latency) float64 { return l.Max }), nil},
		row{"waited in line", func(u *Run) string {
			if u.Transport != "tcp" {
				return "–"
			}
			return Count(u.InLine)
		}, func(u *Run) bool { return u.InLine > 0 }},
		row{"packets", func(u *Run) string { return Count(u.Packets) }, nil},
		row{"hit by the wire", func(u *Run) string {
			if u.Transport == "tcp" {
				return "–"
			}
			return Count(u.WireHit)
		}, (*Run).tookFromRung},
		row{"lost with events", func(u *Run) string { return Count(u.LostCarriers) }, (*Run).tookFromRung},
		row{"retransmits", func(u *Run) string {
			if u.Transport != "tcp" && !u.OnRung() {
				return "–"
			}
			return Count(u.Retransmits)
		}, nil},
		row{"wire bytes/payload byte", func(u *Run) string {
			if o, ok := u.Overhead(); ok {
				return fmt.Sprintf("%.2f", o)
			}
			return "–"
		}, nil},
	)
}

func (r *Result) table(w io.Writer) error {
	t := newTable(w, r.alignment())
	header := []string{""}
	for i := range r.Runs {
		header = append(header, r.Runs[i].heading(len(r.Runs) > manyRuns))
	}
	t.Header(header)
	if err := t.Bulk(r.Lines()); err != nil {
		return err
	}
	return t.Render()
}

// Lines are those of the result's table: a name, then what each run has for
// it.
func (r *Result) Lines() [][]string {
	var lines [][]string
	for _, line := range r.rows() {
		if line.when != nil && !r.any(line.when) {
			continue
		}
		cells := []string{line.name}
		for i := range r.Runs {
			cells = append(cells, line.cell(&r.Runs[i]))
		}
		lines = append(lines, cells)
	}
	return lines
}

// manyRuns is more than stand beside each other with their names in one line.
const manyRuns = 3

// heading is the run's name with its transport in capitals, in two lines if
// it is long or stands beside many.
func (r *Run) heading(many bool) string {
	name := strings.ToUpper(r.Transport) + r.Name()[len(r.Transport):]
	switch {
	case r.OnRung() && r.Variant != "":
		name = strings.TrimSuffix(name, " "+r.Variant) + "\n" + r.Variant
	case many:
		name = strings.Replace(name, " ", "\n", 1)
	}
	return name
}

// newTable makes a table without borders.
func newTable(w io.Writer, align tw.Alignment) *tablewriter.Table {
	return tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off}, Lines: tw.Lines{ShowHeaderLine: tw.On}},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithAlignment(align),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}),
	)
}

func (r *Result) alignment() tw.Alignment {
	a := tw.Alignment{tw.AlignLeft}
	for range r.Runs {
		a = append(a, tw.AlignRight)
	}
	return a
}

func (r *Result) any(when func(*Run) bool) bool {
	for i := range r.Runs {
		if when(&r.Runs[i]) {
			return true
		}
	}
	return false
}

func (r *Result) writeChecks(b *strings.Builder) {
	b.WriteString("\nchecks\n")
	writeChecks(b, r.Checks)
	if len(r.Demands) > 0 {
		b.WriteString("\nwhat was demanded\n")
		writeChecks(b, r.Demands)
	}
}

func writeChecks(b *strings.Builder, checks []Check) {
	for _, c := range checks {
		mark := "held  "
		if !c.Held {
			mark = "FAILED"
		}
		b.WriteString(Wrap(fmt.Sprintf("%s (%s)", c.Claim, c.Measured), "  "+mark+"  ", width))
	}
}

// Write writes a number of the prediction's unit.
func (p *Prediction) Write(v float64) string {
	if v == math.Trunc(v) && v < 1e15 {
		return Count(int64(v)) + " " + p.Unit
	}
	return fmt.Sprintf("%.4g %s", v, p.Unit)
}

// writeFurther says what to try and to read next.
func (r *Result) writeFurther(b *strings.Builder) {
	if len(r.Next) > 0 {
		b.WriteString("\ntry next\n")
		for _, line := range r.Next {
			b.WriteString("  " + line + "\n")
		}
	}
	if len(r.Reading) > 0 {
		b.WriteString("\n" + Wrap(strings.Join(r.Reading, "; "), "read on: ", width))
	}
}

func (r *Result) writeRepeat(b *strings.Builder) {
	line := fmt.Sprintf("seed %d, %s hosts", r.Seed, r.Backend)
	if cc := r.Scenario.CongestionControl; cc != "" {
		line += ", TCP congestion control " + cc
	}
	if late := r.late(); late != "" {
		line += ", wire late " + late
	}
	if r.Reproducible {
		line += "; the same seed loses the same events again"
	} else {
		line += "; NOT reproducible:"
	}
	b.WriteString("\n" + Wrap(line, "", width))
	for _, reason := range r.Reasons {
		b.WriteString(Wrap(reason, "  - ", width))
	}
}

// late says how far the wire was behind its own schedule, in the run where
// that was most; empty where it never was.
func (r *Result) late() string {
	var worst *Latency
	for i := range r.Runs {
		if l := r.Runs[i].WireLateUS; l != nil && l.Max > 0 && (worst == nil || l.P99 > worst.P99) {
			worst = l
		}
	}
	if worst == nil {
		return ""
	}
	text := fmt.Sprintf("p50 %.0f µs, p99 %.0f µs", worst.P50, worst.P99)
	if t := r.TimerLateUS; t != nil {
		text += fmt.Sprintf(" (a bare timer of this machine meanwhile: p50 %.0f µs, p99 %.0f µs)", t.P50, t.P99)
	}
	return text
}

// Wrap breaks text into lines of at most width characters; the first begins
// with head, the others are indented as far.
func Wrap(text, head string, width int) string {
	indent := strings.Repeat(" ", len([]rune(head)))
	var b strings.Builder
	line, started := head, false
	for word := range strings.FieldsSeq(text) {
		if started && len([]rune(line))+1+len([]rune(word)) > width {
			b.WriteString(line + "\n")
			line, started = indent, false
		}
		if started {
			line += " "
		}
		line += word
		started = true
	}
	b.WriteString(line + "\n")
	return b.String()
}
