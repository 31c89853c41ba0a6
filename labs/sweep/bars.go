package sweep

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/guptarohit/asciigraph"

	"rawlab/labs/measure"
)

// barWidth is how long the longest bar is, in characters.
const barWidth = 40

// bars draws a panel whose axis has words: a bar for each of them and each
// line, as long as its mean, if there is anything to see.
func (s *Sweep) bars(b *strings.Builder, m *measure.Measure, p *panel, color bool) {
	top, wide := 0.0, 0
	sums := make([][]*Summary, len(p.lines))
	for i := range p.lines {
		sums[i] = s.summaries(&p.lines[i], m)
		for _, sum := range sums[i] {
			if sum != nil {
				top = max(top, sum.Mean)
			}
		}
		wide = max(wide, utf8.RuneCountInString(p.lines[i].name))
	}
	if top == 0 {
		return
	}
	if p.title != "" {
		b.WriteString("\n " + p.title)
	}
	b.WriteString("\n")
	words := 0
	for _, v := range p.across.Values {
		words = max(words, utf8.RuneCountInString(v))
	}
	write := writer(m)
	for j, v := range p.across.Values {
		label := v
		for i := range p.lines {
			sum := sums[i][j]
			if sum == nil {
				continue
			}
			bar := strings.Repeat("█", int(sum.Mean/top*barWidth+0.5))
			if bar == "" {
				bar = "▏"
			}
			if color {
				bar = colors[i%len(colors)].String() + bar + asciigraph.Default.String()
			}
			fmt.Fprintf(b, " %-*s  %-*s  %s %s\n", words, label, wide, p.lines[i].name, bar, write(sum.Mean))
			label = ""
		}
	}
}
