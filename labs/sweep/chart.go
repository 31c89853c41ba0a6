package sweep

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/guptarohit/asciigraph"

	"rawlab/labs/measure"
)

// Sizes of a chart, in characters.
const (
	chartHeight = 8
	chartWidth  = 60
)

// marks draw the lines of a chart, apart from each other without colours too.
var marks = []string{"─", "•", "×", "+", "o", "#"}

var colors = []asciigraph.AnsiColor{asciigraph.Blue, asciigraph.Red, asciigraph.Green, asciigraph.Yellow, asciigraph.Magenta, asciigraph.Cyan}

// panel is a chart: of one axis the only one, with a line for each subject; of
// two, one for each subject, with a line for each value of the other axis.
type panel struct {
	title  string
	across *Axis // along which it is drawn
	lines  []line
}

// line is what one subject came to in some cells: so many, each a step after
// the one before.
type line struct {
	name, subject     string
	from, step, cells int
}

// panels lists the charts of a measure; none without an axis.
func (s *Sweep) panels(subjects []Subject) []panel {
	switch len(s.Axes) {
	case 0:
		return nil
	case 1:
		only := panel{across: &s.Axes[0]}
		for _, u := range subjects {
			only.lines = append(only.lines, line{capital(u.Name), u.Name, 0, 1, len(s.Cells)})
		}
		return []panel{only}
	}
	first, second := &s.Axes[0], &s.Axes[1]
	columns := len(second.Values) // cells beside each other
	var list []panel
	for _, u := range subjects {
		p := panel{title: capital(u.Name), across: first}
		if first.Words() && !second.Words() { // numbers go along, with a line for each word
			p.across = second
			for i, v := range first.Values {
				p.lines = append(p.lines, line{first.Option + " " + v, u.Name, i * columns, 1, columns})
			}
		} else {
			for i, v := range second.Values {
				p.lines = append(p.lines, line{second.Option + " " + v, u.Name, i, columns, len(first.Values)})
			}
		}
		list = append(list, p)
	}
	return list
}

// summaries returns what a line's cells came to, by value of the axis along
// which it is drawn; nil where nothing was measured.
func (s *Sweep) summaries(l *line, m *measure.Measure) []*Summary {
	var list []*Summary
	for n := range l.cells {
		var sum *Summary
		if v := s.measured(&s.Cells[l.from+n*l.step], l.subject, m, m.HasShare()); len(v) > 0 {
			sum = new(Summarize(v))
		}
		list = append(list, sum)
	}
	return list
}

// charts draws a measure along an axis, if that has values enough: lines over
// numbers, bars for words.
func (s *Sweep) charts(b *strings.Builder, m *measure.Measure, subjects []Subject, color bool) {
	for _, p := range s.panels(subjects) {
		switch n := len(p.across.Values); {
		case n > 1 && p.across.Words():
			s.bars(b, m, &p, color)
		case n > 2:
			s.chart(b, m, &p, color)
		}
	}
}

// means are those of a line, not-a-number where nothing was measured.
func (s *Sweep) means(l *line, m *measure.Measure) []float64 {
	var list []float64
	for _, sum := range s.summaries(l, m) {
		if sum == nil {
			list = append(list, math.NaN())
		} else {
			list = append(list, sum.Mean)
		}
	}
	return list
}

// chart draws lines, as many as there are marks, if there is anything to see.
func (s *Sweep) chart(b *strings.Builder, m *measure.Measure, p *panel, color bool) {
	axis := p.across
	x, labels := axis.positions()
	var data [][]float64
	var sets []asciigraph.CharSet
	var legend []string
	top := 0.0
	for i, l := range p.lines[:min(len(p.lines), len(marks))] {
		drawn := spread(x, s.means(&l, m), chartWidth)
		if drawn == nil {
			continue
		}
		for _, y := range drawn {
			top = max(top, y)
		}
		data, sets = append(data, drawn), append(sets, asciigraph.CreateCharSet(marks[i]))
		legend = append(legend, marks[i]+marks[i]+" "+l.name)
	}
	if top == 0 {
		return
	}
	write := writer(m)
	options := []asciigraph.Option{
		asciigraph.Height(chartHeight), asciigraph.LowerBound(0), asciigraph.SeriesChars(sets...),
		asciigraph.YAxisValueFormatter(func(v float64) string { return write(v) }),
	}
	if color {
		options = append(options, asciigraph.SeriesColors(colors[:len(data)]...))
	}
	if p.title != "" {
		b.WriteString("\n " + p.title)
	}
	text := asciigraph.PlotMany(data, options...)
	b.WriteString("\n" + text + "\n")
	b.WriteString(under(text, x, labels, axis.Option))
	b.WriteString(strings.Repeat(" ", 4) + strings.Join(legend, "   ") + "\n")
}

// positions are where the values stand along the chart, from 0 to 1: by what
// they are where they are numbers of one unit that grow, else evenly.
func (a *Axis) positions() (at []float64, labels []string) {
	var numbers []float64
	unit, even := "", false
	for i, text := range a.Values {
		n, u, ok := split(text)
		even = even || !ok || i > 0 && (u != unit || n <= numbers[i-1])
		numbers, unit = append(numbers, n), u
	}
	last := len(numbers) - 1
	for i := range numbers {
		p := float64(i) / float64(last)
		if !even {
			p = (numbers[i] - numbers[0]) / (numbers[last] - numbers[0])
		}
		at = append(at, p)
	}
	return at, a.Values
}

// split takes a value apart into its number and its unit.
func split(text string) (number float64, unit string, ok bool) {
	digits := strings.TrimRight(text, "%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ/")
	number, err := strconv.ParseFloat(digits, 64)
	return number, text[len(digits):], err == nil
}

// spread draws y over x as a line of so many points; nil if nothing is known.
func spread(x, y []float64, points int) []float64 {
	var kx, ky []float64
	for i := range y {
		if !math.IsNaN(y[i]) {
			kx, ky = append(kx, x[i]), append(ky, y[i])
		}
	}
	if len(kx) == 0 {
		return nil
	}
	line := make([]float64, points)
	for i, j := 0, 0; i < points; i++ {
		p := float64(i) / float64(points-1)
		for j+1 < len(kx) && kx[j+1] < p {
			j++
		}
		switch {
		case p < kx[0] || p > kx[len(kx)-1]+1e-9:
			line[i] = math.NaN()
		case j+1 == len(kx):
			line[i] = ky[j]
		default:
			line[i] = ky[j] + (ky[j+1]-ky[j])*(p-kx[j])/(kx[j+1]-kx[j])
		}
	}
	return line
}

// under writes the values below a chart's axis, those that have room.
func under(chart string, at []float64, labels []string, option string) string {
	first, _, _ := strings.Cut(chart, "\n")
	axis := utf8.RuneCountInString(first[:max(strings.IndexAny(first, "┤┼"), 0)])
	row := []rune(strings.Repeat(" ", width))
	free := 0
	for i, label := range labels {
		text := []rune(label)
		start := min(axis+1+int(math.Round(at[i]*(chartWidth-1)))-len(text)/2, width-len(text))
		if start = max(start, 0); start < free {
			continue
		}
		copy(row[start:], text)
		free = start + len(text) + 1
	}
	copy(row, []rune(option)[:min(len([]rune(option)), max(firstUsed(row)-1, 0))])
	return strings.TrimRight(string(row), " ") + "\n"
}

// firstUsed is where the first character stands.
func firstUsed(row []rune) int {
	for i, r := range row {
		if r != ' ' {
			return i
		}
	}
	return len(row)
}
