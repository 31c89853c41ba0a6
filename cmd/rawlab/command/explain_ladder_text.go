package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// The columns of a ladder:
//
//	   +20.211 ms  #12345 │─ seq 1–163 ack 1 ──────────────────▶│ +10.1 ms
//	time           packet  packets between the hosts               how long it travelled, or its fate
const (
	ladderTime   = 12
	ladderNumber = 8
	ladderNote   = 12
	ladderInner  = explainWidth - ladderTime - ladderNumber - ladderNote - 5 // between the outer bars of two hosts
	ladderLabel  = ladderInner - 5
)

// ladderPrinter writes a ladder for a person.
type ladderPrinter struct {
	*explainPrinter
	start   time.Time
	pillars *pillars
	places  []int // of the pillars, columns from the first
	loud    func(string) string
}

func (p *ladderPrinter) print(rungs []*ladderRung) {
	p.pillars = findPillars(rungs)
	n := len(p.pillars.names)
	step := ladderInner + 1
	if n > 2 {
		step = min(10, 36/(n-1))
	}
	for i := range n {
		p.places = append(p.places, i*step)
	}
	p.header()
	for _, r := range rungs {
		p.gap(r.before)
		p.rung(r)
	}
}

// header names the hosts over their bars.
func (p *ladderPrinter) header() {
	indent := strings.Repeat(" ", ladderTime+ladderNumber+2)
	if len(p.pillars.names) == 2 {
		left, right := p.pillars.names[0], p.pillars.names[1]
		gap := max(ladderInner+2-displaywidth.String(left)-displaywidth.String(right), 1)
		if over := displaywidth.String(left) + displaywidth.String(right) + gap - explainWidth; over > 0 {
			p.line("%s%s", indent, p.bold(left))
			left, gap = "", max(ladderInner+2-displaywidth.String(right), 0)
		}
		p.line("%s", strings.TrimRight(indent+p.bold(left)+strings.Repeat(" ", gap)+p.bold(right), " "))
		return
	}
	letters := []rune(strings.Repeat(" ", p.width()))
	var names []string
	for i, name := range p.pillars.names {
		letters[p.places[i]] = letter(i)
		names = append(names, fmt.Sprintf("%c"+glue+"%s", letter(i), name))
	}
	p.wrapped(indent, strings.Join(names, "   "))
	p.line("%s%s", indent, strings.TrimRight(string(letters), " "))
}

func letter(i int) rune { return 'A' + rune(i) }

// width is how many columns all bars take.
func (p *ladderPrinter) width() int { return p.places[len(p.places)-1] + 1 }

// bars is an empty line between all hosts.
func (p *ladderPrinter) bars() []rune {
	b := []rune(strings.Repeat(" ", p.width()))
	for _, at := range p.places {
		b[at] = '│'
	}
	return b
}

// gap says how many packets are left out here.
func (p *ladderPrinter) gap(n int) {
	if n == 0 {
		return
	}
	b := p.bars()
	for _, at := range p.places {
		b[at] = '⋮'
	}
	text := count(n, "packet")
	indent := strings.Repeat(" ", ladderTime+ladderNumber+2)
	if room := p.width() - 4; displaywidth.String(text) <= room && len(p.places) == 2 {
		copy(b[(p.width()-len([]rune(text)))/2:], []rune(text))
		p.line("%s%s", indent, string(b))
		return
	}
	p.line("%s%s %s", indent, string(b), text)
}

// rung draws one packet.
func (p *ladderPrinter) rung(r *ladderRung) {
	head := fmt.Sprintf("%*s  %-*s", ladderTime, p.since(r.at), ladderNumber, r.number())
	from, to, ok := p.pillars.between(r)
	if !ok || from == to {
		p.pillars.hidden++
		return
	}
	words := r.words(p.pillars.ports)
	b := p.bars()
	if len(p.places) > 2 {
		p.arrow(b, r, from, to, "")
		p.beside(head, b, r, words)
		return
	}
	if r.sample != nil {
		for i, line := range fill(words, ladderInner-3) {
			b := p.bars()
			copy(b[3:], []rune(line))
			b[1] = '·'
			if i > 0 {
				head = strings.Repeat(" ", ladderTime+ladderNumber+2)
			}
			p.line("%s%s", head, string(b))
		}
		return
	}
	room := ladderLabel
	if r.lost { // the ✗ must stand before the other host
		room -= 6
	}
	lines := fill(words, room)
	p.arrow(b, r, from, to, lines[0])
	p.line("%s", strings.TrimRight(head+p.paint(string(b), r)+" "+p.note(r), " "))
	for _, line := range lines[1:] {
		b := p.bars()
		at := 3
		if from > to {
			at = p.width() - 3 - len([]rune(line))
		}
		copy(b[at:], []rune(line))
		p.line("%s%s", strings.Repeat(" ", ladderTime+ladderNumber+2), string(b))
	}
}

// arrow draws the packet's way into a line, with a label where there is room.
// One that was lost ends in the middle.
func (p *ladderPrinter) arrow(b []rune, r *ladderRung, from, to int, label string) {
	if r.sample != nil {
		return
	}
	left, right := p.places[min(from, to)]+1, p.places[max(from, to)] // the columns between
	end := right - left                                               // how many the arrow takes
	if r.lost {
		end = max((right-left)/2, min(len([]rune(label))+5, right-left-1))
	}
	line := []rune(strings.Repeat("─", end))
	line[end-1] = '▶'
	if from > to {
		line[end-1] = '◀'
	}
	if r.lost {
		line[end-1] = '✗'
	}
	if label != "" {
		copy(line[1:], []rune(" "+label+" "))
	}
	if from < to {
		copy(b[left:], line)
		return
	}
	slices.Reverse(line)
	if label != "" {
		text := []rune(" " + label + " ")
		copy(line[len(line)-1-len(text):], text)
	}
	copy(b[right-end:], line)
}

// beside writes what a packet is to the right of the bars, where they are
// many.
func (p *ladderPrinter) beside(head string, b []rune, r *ladderRung, words []string) {
	if note := p.note(r); note != "" {
		words = append(words, note)
	}
	room := explainWidth - ladderTime - ladderNumber - 3 - p.width()
	for i, line := range fill(words, room) {
		if i == 0 {
			p.line("%s", strings.TrimRight(head+p.paint(string(b), r)+" "+line, " "))
		} else {
			p.line("%s%s %s", strings.Repeat(" ", ladderTime+ladderNumber+2), string(p.bars()), line)
		}
	}
}

// note says how long a packet travelled, or where it ended.
func (p *ladderPrinter) note(r *ladderRung) string {
	switch {
	case r.lost:
		fate, _, _ := strings.Cut(r.fate, ":")
		return displaywidth.TruncateString(fate, ladderNote+6, "…")
	case !r.came.IsZero():
		return "+" + shortTime(r.came.Sub(r.at))
	}
	return ""
}

func (p *ladderPrinter) paint(s string, r *ladderRung) string {
	if r.lost {
		return p.loud(s)
	}
	return s
}

func (p *ladderPrinter) since(t time.Time) string {
	d := t.Sub(p.start)
	if d.Abs() >= 10*time.Second {
		return fmt.Sprintf("%+.6f s", d.Seconds())
	}
	return fmt.Sprintf("%+.3f ms", float64(d.Microseconds())/1000)
}

func (r *ladderRung) number() string {
	if r.sample != nil {
		return ""
	}
	return fmt.Sprintf("#%d", r.packet)
}

// fill joins words by commas into lines of at most so many columns. A word
// that is longer is broken at its spaces, or cut.
func fill(words []string, columns int) []string {
	var lines []string
	line := ""
	add := func(sep, word string) {
		if line != "" && displaywidth.String(line+sep+word) > columns {
			lines = append(lines, strings.TrimRight(line+sep, " "))
			line = ""
		}
		if line != "" {
			line += sep
		}
		line += displaywidth.TruncateString(word, columns, "…")
	}
	for _, w := range words {
		if displaywidth.String(w) < columns {
			add(", ", w)
			continue
		}
		for i, part := range strings.Fields(w) {
			sep := " "
			if i == 0 {
				sep = ", "
			}
			add(sep, part)
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
