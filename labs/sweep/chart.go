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

// line is one line of a chart: a number for each value of the first axis.
type line struct {
	name string
	y    []float64 // not-a-number where nothing was measured
}

// charts draws a measure over the first axis: a line for each subject, or of
// two axes a chart for each subject, with a line for each value of the second.
func (s *Sweep) charts(b *strings.Builder, m *measure.Measure, subjects []Subject, color bool) {
	if len(s.Axes) == 0 || len(s.Axes[0].Values) < 3 {
		return
	}
	if len(s.Axes) == 1 {
		var lines []line
		for _, u := range subjects {
			lines = append(lines, s.line(capital(u.Name), u, m, 0, 1))
		}
		s.chart(b, m, "", lines, color)
		return
	}
	second := s.Axes[1]
	for _, u := range subjects {
		var lines []line
		for i, v := range second.Values {
			lines = append(lines, s.line(second.Option+" "+v, u, m, i, len(second.Values)))
		}
		s.chart(b, m, capital(u.Name), lines, color)
	}
}

// line takes the means of every step-th cell.
func (s *Sweep) line(name string, u Subject, m *measure.Measure, from, step int) line {
	l := line{name: name}
	for i := from; i < len(s.Cells); i += step {
		y := math.NaN()
		if v := s.Cells[i].Measured(u.Name, m, m.HasShare()); len(v) > 0 {
			y = Summarize(v).Mean
		}
		l.y = append(l.y, y)
	}
	return l
}

// chart draws lines, as many as there are marks, if there is anything to see.
func (s *Sweep) chart(b *strings.Builder, m *measure.Measure, title string, lines []line, color bool) {
	axis := &s.Axes[0]
	x, labels := axis.positions()
	var data [][]float64
	var sets []asciigraph.CharSet
	var legend []string
	top := 0.0
	for i, l := range lines[:min(len(lines), len(marks))] {
		drawn := spread(x, l.y, chartWidth)
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
	if title != "" {
		b.WriteString("\n " + title)
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
