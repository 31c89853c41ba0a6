package sweep

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"rawlab/labs/measure"
)

// Sizes of a drawing, in its own units, and where its axes cross.
const (
	drawingWidth, drawingHeight = 800, 300
	drawingLeft, drawingBottom  = 90, 250
	drawingRight, drawingTop    = 780, 15
)

// drawing is a chart as SVG has it.
type drawing struct {
	Title, Option string
	Across, Up    []tick
	Lines         []drawnLine
	Bars          bool // the lines are of bars beside each other
}

// tick is a value along an axis.
type tick struct {
	At   string
	Text string
}

// drawnLine is a line through means, each with its confidence interval.
type drawnLine struct {
	Name, Class, Dash string
	Path              string
	Points            []drawnPoint
}

type drawnPoint struct {
	X, Y, Low, High, Text string
	Left, Width, Height   string // of a bar
}

// height is how high a bar is that reaches up to y.
func height(y string) float64 {
	v, _ := strconv.ParseFloat(y, 64) // our own number
	return drawingBottom - v
}

// draw draws a panel; nil if there is nothing to see, or one value only.
func (s *Sweep) draw(p *panel, m *measure.Measure) *drawing {
	axis := p.across
	if len(axis.Values) < 2 {
		return nil
	}
	top := s.highest(p, m)
	if top == 0 {
		return nil
	}
	write := writer(m)
	step := roundStep(top / 5)
	top = step * math.Ceil(top/step-1e-9)
	d := &drawing{Title: p.title, Option: axis.Option, Bars: axis.Words()}
	up := func(v float64) string {
		return unit(drawingBottom - (drawingBottom-drawingTop)*min(max(v, 0), top)/top)
	}
	for i := 0; float64(i)*step <= top*(1+1e-9); i++ {
		d.Up = append(d.Up, tick{up(float64(i) * step), write(float64(i) * step)})
	}
	at, labels := axis.positions()
	place := func(i int) float64 { return drawingLeft + (drawingRight-drawingLeft)*(0.03+0.94*at[i]) }
	width := 0.0 // of a bar
	if d.Bars {
		each := (drawingRight - drawingLeft) / float64(len(labels))
		place = func(i int) float64 { return drawingLeft + each*(float64(i)+0.5) }
		width = min(60, 0.8*each/float64(len(p.lines)))
	}
	across := func(i int) string { return unit(place(i)) }
	for i := range labels {
		d.Across = append(d.Across, tick{across(i), labels[i]})
	}
	for i := range p.lines {
		l := drawnLine{Name: p.lines[i].name, Class: fmt.Sprintf("ink-%d", i%8)}
		if i >= 8 {
			l.Dash = " second"
		}
		var path strings.Builder
		verb := "M"
		for j, sum := range s.summaries(&p.lines[i], m) {
			if sum == nil {
				verb = "M"
				continue
			}
			x := place(j) + width*(float64(i)-float64(len(p.lines)-1)/2)
			if !d.Bars {
				fmt.Fprintf(&path, "%s%s %s", verb, unit(x), up(sum.Mean))
				verb = "L"
			}
			point := point(l.Name, axis.Option+" "+labels[j], unit(x), sum, up, write)
			point.Left, point.Width, point.Height = unit(x-width/2), unit(width), unit(height(point.Y))
			l.Points = append(l.Points, point)
		}
		l.Path = path.String()
		d.Lines = append(d.Lines, l)
	}
	return d
}

func point(name, where, x string, sum *Summary, up, write func(float64) string) drawnPoint {
	p := drawnPoint{X: x, Y: up(sum.Mean), Text: fmt.Sprintf("%s, %s: %s", name, where, write(sum.Mean))}
	if sum.Half != nil {
		p.Low, p.High = up(sum.Mean-*sum.Half), up(sum.Mean+*sum.Half)
		p.Text += " ± " + write(*sum.Half)
	}
	return p
}

// highest is the highest that a panel's lines and their confidence reach.
func (s *Sweep) highest(p *panel, m *measure.Measure) float64 {
	top := 0.0
	for i := range p.lines {
		for _, sum := range s.summaries(&p.lines[i], m) {
			if sum == nil {
				continue
			}
			v := sum.Mean
			if sum.Half != nil {
				v += *sum.Half
			}
			top = max(top, v)
		}
	}
	return top
}

// roundStep is 1, 2 or 5 times a power of ten, and at least v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v {
			return n * power
		}
	}
	return 10 * power
}

func unit(v float64) string { return fmt.Sprintf("%.1f", v) }
