package sweep

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rawlab/labs/report"
)

// Bounds of a sweep.
const (
	MaxAxes   = 2
	MaxRuns   = 1000 // cells times repeats
	MaxRepeat = 1000
)

// Axis is an option that varies, and over what.
type Axis struct {
	Option string   `json:"option"`
	Values []string `json:"values"` // as the option takes them
}

// Words tells whether the values are words, which have no order and nothing
// between them: one at least is no number with a unit.
func (a *Axis) Words() bool {
	return slices.ContainsFunc(a.Values, func(v string) bool { _, _, ok := split(v); return !ok })
}

// Plan is what is to be run.
type Plan struct {
	Lab, Question, Backend string

	Axes   []Axis // none: one cell
	Repeat int    // runs of each cell
	Seed   uint64 // of each cell's first run; the others' come from it
}

// Validate says what of the plan cannot be.
func (p *Plan) Validate() error {
	switch {
	case p.Repeat < 1 || p.Repeat > MaxRepeat:
		return fmt.Errorf("--repeat %d: must be 1 to %d", p.Repeat, MaxRepeat)
	case len(p.Axes) > MaxAxes:
		return fmt.Errorf("--%s: %d options have several values; at most %d may vary at once", p.Axes[MaxAxes].Option, len(p.Axes), MaxAxes)
	case p.Cells()*p.Repeat > MaxRuns:
		return fmt.Errorf("%d cells of %d runs each are more than the %d runs that a sweep may have", p.Cells(), p.Repeat, MaxRuns)
	}
	return nil
}

// Cells is how many combinations of values there are.
func (p *Plan) Cells() int {
	n := 1
	for _, a := range p.Axes {
		n *= len(a.Values)
	}
	return n
}

// Values returns those of a cell, by axis; the last axis goes round fastest.
func (p *Plan) Values(cell int) []string {
	v := make([]string, len(p.Axes))
	for i := len(p.Axes) - 1; i >= 0; i-- {
		n := len(p.Axes[i].Values)
		v[i], cell = p.Axes[i].Values[cell%n], cell/n
	}
	return v
}

// Seeds returns the seeds of a cell's runs: the plan's own, then others of 48
// bits, which any program's numbers hold. They are splitmix64's (Steele, Lea
// and Flood, OOPSLA 2014).
func (p *Plan) Seeds() []uint64 {
	seeds, state := []uint64{p.Seed}, p.Seed
	for len(seeds) < p.Repeat {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		seeds = append(seeds, (z^z>>31)>>16)
	}
	return seeds
}

// Describe says in a line what will run.
func (p *Plan) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sweep of lab %s: %d runs", p.Lab, p.Cells()*p.Repeat)
	for i, a := range p.Axes {
		word := " over"
		if i > 0 {
			word = " by"
		}
		fmt.Fprintf(&b, "%s %s %s", word, a.Option, strings.Join(a.Values, ", "))
	}
	if p.Repeat > 1 {
		fmt.Fprintf(&b, ", %d times each, with other seeds", p.Repeat)
	}
	return b.String()
}

// Sweep is what came out.
type Sweep struct {
	Plan
	Cells       []Cell
	Interrupted bool // not all has run
	rungless    bool // an axis says which rung a run is on, so that its name does not
}

// Cell is one combination of values, with what its runs found.
type Cell struct {
	Values  []string // by axis
	Seeds   []uint64 // by run
	Results []*report.Result
}

// Name is what a cell is called: values, by axis, with their options.
func (p *Plan) Name(values []string) string {
	var words []string
	for i, a := range p.Axes {
		words = append(words, a.Option+" "+values[i])
	}
	return strings.Join(words, ", ")
}

// Runs is how many there are results of.
func (s *Sweep) Runs() int {
	n := 0
	for i := range s.Cells {
		n += len(s.Cells[i].Results)
	}
	return n
}

// varies tells whether an option does.
func (p *Plan) varies(option string) bool {
	return slices.ContainsFunc(p.Axes, func(a Axis) bool { return a.Option == option })
}

// Run runs one cell, by its number and its values, once.
type Run func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error)

// Conduct runs every cell once, then every cell again, so that what the
// machine does meanwhile meets all of them, and whoever ends it early has all
// cells as often. It always returns what was measured: an error, or the end
// of ctx, ends the sweep, not what it has.
func (p *Plan) Conduct(ctx context.Context, run Run) (*Sweep, error) {
	s := &Sweep{Plan: *p, Cells: make([]Cell, p.Cells()), rungless: p.varies("reliability")}
	for i := range s.Cells {
		s.Cells[i].Values = p.Values(i)
	}
	for _, seed := range p.Seeds() {
		for i := range s.Cells {
			c := &s.Cells[i]
			r, err := run(ctx, i, c.Values, seed)
			if r != nil {
				c.Seeds, c.Results = append(c.Seeds, seed), append(c.Results, r)
				s.rungless = s.rungless && distinctWithoutRungs(r)
			}
			if err != nil || ctx.Err() != nil {
				s.Interrupted = s.Runs() < len(s.Cells)*p.Repeat
				return s, err
			}
		}
	}
	return s, nil
}
