package sweep

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// width is what a terminal has at least.
const width = 80

// TextOptions are how a sweep is shown.
type TextOptions struct {
	Measures []*measure.Measure // a table and a chart for each; nil: what tells transports apart
	Color    bool
}

// usual is what is shown of a sweep unless something else is asked for.
func usual() []*measure.Measure {
	var list []*measure.Measure
	for _, m := range measure.List {
		switch m.Name {
		case "lost", "p50", "p99", "overhead":
			list = append(list, m)
		}
	}
	return list
}

// WriteText writes the sweep for a person: a table and a chart for each
// measure, what did not hold, and how it repeats.
func (s *Sweep) WriteText(w io.Writer, o TextOptions) error {
	if o.Measures == nil {
		o.Measures = usual()
	}
	var b strings.Builder
	b.WriteString(report.Wrap(s.Lab+": "+s.Question, "", width))
	subjects := s.Subjects()
	for _, m := range o.Measures {
		if err := s.writeMeasure(&b, m, subjects, o.Color); err != nil {
			return err
		}
	}
	s.writeFailed(&b)
	s.writeRepeat(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMeasure writes one measure's tables, with as many subjects beside each
// other as the width allows, and its charts.
func (s *Sweep) writeMeasure(b *strings.Builder, m *measure.Measure, subjects []Subject, color bool) error {
	fmt.Fprintf(b, "\n%s", report.Wrap(m.About, m.Name+": ", width))
	for rest := subjects; len(rest) > 0; {
		beside := len(rest)
		text, err := s.table(m, rest[:beside])
		for ; err == nil && beside > 1 && wide(text); text, err = s.table(m, rest[:beside]) {
			beside--
		}
		if err != nil {
			return err
		}
		b.WriteString(text)
		if rest = rest[beside:]; len(rest) > 0 {
			b.WriteByte('\n')
		}
	}
	s.charts(b, m, subjects, color)
	return nil
}

func wide(text string) bool {
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > width {
			return true
		}
	}
	return false
}

// table has a row for each cell, and for each subject its median and its mean.
func (s *Sweep) table(m *measure.Measure, subjects []Subject) (string, error) {
	var header []string
	var align tw.Alignment
	for _, a := range s.Axes {
		side := tw.AlignRight
		if a.Words() {
			side = tw.AlignLeft
		}
		header, align = append(header, "\n"+a.Option), append(align, side)
	}
	for _, u := range subjects {
		name := capital(u.Name)
		if s.Repeat == 1 {
			header, align = append(header, name), append(align, tw.AlignRight)
			continue
		}
		header, align = append(header, name+"\nmedian", "\nmean ± 95 %"), append(align, tw.AlignRight, tw.AlignRight)
	}
	var b strings.Builder
	err := report.WriteTable(&b, align, header, s.rows(m, subjects))
	return b.String(), err
}

// rows are a measure's: a cell's values, then each subject's numbers.
func (s *Sweep) rows(m *measure.Measure, subjects []Subject) [][]string {
	var rows [][]string
	for i := range s.Cells {
		c := &s.Cells[i]
		row := append([]string{}, c.Values...)
		for _, u := range subjects {
			row = append(row, s.numbers(c, u, m)...)
		}
		rows = append(rows, row)
	}
	return rows
}

// capital is a run's name with its transport in capitals.
func capital(name string) string {
	transport, rest, _ := strings.Cut(name, " ")
	return strings.TrimSpace(strings.ToUpper(transport) + " " + rest)
}

// numbers are a subject's median and mean in a cell; the one number, where
// each cell runs once.
func (s *Sweep) numbers(c *Cell, u Subject, m *measure.Measure) []string {
	write := writer(m)
	values := s.measured(c, u.Name, m, m.HasShare())
	switch {
	case len(values) == 0 && s.Repeat == 1:
		return []string{"–"}
	case len(values) == 0:
		return []string{"–", "–"}
	}
	sum := Summarize(values)
	if s.Repeat == 1 {
		return []string{write(sum.Mean)}
	}
	mean := write(sum.Mean)
	if sum.Half != nil {
		mean += " ± " + write(*sum.Half)
	}
	return []string{write(sum.Median), mean}
}

// writer writes a measure's number as it is shown: a share where it has one.
func writer(m *measure.Measure) func(float64) string {
	if m.HasShare() {
		return measure.Percent
	}
	return m.Kind.Write
}

// writeFailed lists the checks and demands that did not hold.
func (s *Sweep) writeFailed(b *strings.Builder) {
	failed := s.Failed()
	if len(failed) == 0 {
		fmt.Fprintf(b, "\nevery check of all %d runs held\n", s.Runs())
		return
	}
	b.WriteString("\nwhat did not hold\n")
	for _, f := range failed {
		b.WriteString(report.Wrap(f.String(), "  FAILED  ", width))
	}
}

// Failure is a check of one run that did not hold.
type Failure struct {
	Cell string
	Seed uint64
	report.Check
}

func (f *Failure) String() string {
	where := fmt.Sprintf("seed %d", f.Seed)
	if f.Cell != "" {
		where = f.Cell + ", " + where
	}
	return fmt.Sprintf("%s: %s (%s)", where, f.Claim, f.Measured)
}

// Failed lists the checks and demands of all runs that did not hold.
func (s *Sweep) Failed() []Failure {
	var list []Failure
	for i := range s.Cells {
		c := &s.Cells[i]
		for j, r := range c.Results {
			for _, check := range r.Failed() {
				list = append(list, Failure{s.Name(c.Values), c.Seeds[j], check})
			}
		}
	}
	return list
}

func (s *Sweep) writeRepeat(b *strings.Builder) {
	if s.Repeat > 1 {
		b.WriteString("\n" + report.Wrap("± is half of the 95 % confidence interval of the mean, by Student's t over each cell's runs, which takes them for independent and their mean for normally distributed.", "", width))
	}
	var seeds []string
	for _, seed := range s.Seeds() {
		seeds = append(seeds, fmt.Sprint(seed))
	}
	word := "seed "
	if len(seeds) > 1 {
		word = "seeds "
	}
	text := word + strings.Join(seeds, ", ") + ", the same in each cell; " + s.Backend + " hosts"
	if s.Interrupted {
		text += fmt.Sprintf("; INTERRUPTED after %d of %d runs", s.Runs(), len(s.Cells)*s.Repeat)
	}
	b.WriteString("\n" + report.Wrap(text, "", width))
}
