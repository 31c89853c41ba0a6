package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rawlab/labs"
	"rawlab/labs/measure"
	"rawlab/labs/report"
	"rawlab/labs/sweep"
)

// sweepFlags are what a user said of a sweep.
type sweepFlags struct {
	repeat   int
	lists    []*listValue // options with several values
	measures []string
}

func (f *sweepFlags) register(c *cobra.Command) {
	s := c.Flags()
	s.IntVar(&f.repeat, "repeat", 1, "run so often, with other seeds that come from --seed, and tell means with their confidence")
	s.StringArrayVar(&f.measures, "measure", nil, "`NAME` of what a sweep shows, instead of lost, p50, p99 and overhead; may be given again")
	makeListable(s, &f.lists)
}

// wanted tells whether a sweep was asked for.
func (f *sweepFlags) wanted() bool { return f.repeat != 1 || len(f.lists) > 0 }

// sweepRun is a sweep of one lab, with the options of every cell.
type sweepRun struct {
	*series
	plan  sweep.Plan
	cells []labs.Options
	own   []*labs.Lab // by cell; a file's lab has the options of its runs in it
	shown []*measure.Measure
}

// newSweep plans the sweep and finds out whether every cell can be.
func (s *series) newSweep(c *cobra.Command) (*sweepRun, error) {
	if len(s.labs) > 1 {
		return nil, usagef("several values of an option, and --repeat, are for one lab at a time")
	}
	if s.predict {
		return nil, usagef("--predict asks about one run: leave out --repeat, and give each option one value")
	}
	l := s.labs[0]
	x := &sweepRun{series: s, plan: sweep.Plan{Lab: l.Name, Question: l.Question, Repeat: s.sweep.repeat, Seed: s.options[0].Seed}}
	for _, list := range s.sweep.lists {
		x.plan.Axes = append(x.plan.Axes, sweep.Axis{Option: list.name, Values: list.values})
	}
	if err := x.plan.Validate(); err != nil {
		return nil, usagef("%w", err)
	}
	for _, name := range s.sweep.measures {
		m, err := measure.Find(name)
		if err != nil {
			return nil, usagef("--measure: %w", err)
		}
		x.shown = append(x.shown, m)
	}
	for cell := range x.plan.Cells() {
		for i, v := range x.plan.Values(cell) {
			if err := s.sweep.lists[i].Value.Set(v); err != nil {
				return nil, usagef("--%s %s: %w", s.sweep.lists[i].name, v, err)
			}
		}
		own, o, _, err := s.find(c, s.args[0])
		if err != nil {
			return nil, err
		}
		x.cells, x.own = append(x.cells, o), append(x.own, own)
	}
	return x, nil
}

// run runs the sweep, and shows and writes what was measured, however far it
// came.
func (x *sweepRun) run(c *cobra.Command, backend string) error {
	folder, err := x.openFolder()
	if err != nil {
		return err
	}
	junit, err := createFile(x.junit)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	x.plan.Backend = backend
	m := newMeter(c.ErrOrStderr(), x.quiet, x.weights())
	m.note("%s%s", x.plan.Describe(), x.takes(backend))
	result, err := x.plan.Conduct(c.Context(), func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error) {
		return x.runCell(ctx, m, cell, values, seed)
	})
	m.end()
	errs := []error{x.ending(c.Context(), result, err), x.write(c, result), x.unmet()}
	if folder != nil {
		errs = append(errs, x.writeFolder(folder, result))
		m.note("sweep.json, sweep.csv, report.html are in %s", x.folder)
	}
	if junit != nil {
		errs = append(errs, report.WriteJUnit(junit, x.suites), junit.Close())
	}
	return errors.Join(append(errs, failedRuns(result))...)
}

// weights tells of every run, in the order in which they come, how long it
// will take beside the others.
func (x *sweepRun) weights() []float64 {
	var w []float64
	for range x.plan.Repeat {
		for i := range x.cells {
			w = append(w, 1+float64(x.cells[i].Events)/x.cells[i].Pace)
		}
	}
	return w
}

// takes says how long emitting alone takes, where time is real.
func (x *sweepRun) takes(backend string) string {
	if backend != labs.BackendKernel {
		return ""
	}
	seconds := 0.0
	for i := range x.cells {
		seconds += float64(x.cells[i].Events) / x.cells[i].Pace * float64(x.plan.Repeat)
	}
	return fmt.Sprintf("; emitting alone takes %v", time.Duration(seconds*float64(time.Second)).Round(time.Second))
}

func (x *sweepRun) runCell(ctx context.Context, m *meter, cell int, values []string, seed uint64) (*report.Result, error) {
	l, o := x.own[cell], x.cells[cell]
	o.Backend, o.Seed, o.Progress = x.plan.Backend, seed, m.update
	name := x.plan.Name(values)
	m.begin(name, seed)
	began := time.Now()
	out, err := l.Run(ctx, &o)
	suite := report.Suite{Name: l.Name, Seconds: time.Since(began).Seconds(), Err: err}
	if name != "" {
		suite.Name += ", " + name
	}
	suite.Name += fmt.Sprintf(", seed %d", seed)
	if err == nil {
		x.demand(out.Result)
		suite.Result = out.Result
	}
	if ctx.Err() == nil {
		x.suites = append(x.suites, suite)
	}
	return suite.Result, err
}

// ending says why a sweep ended before its time.
func (x *sweepRun) ending(ctx context.Context, s *sweep.Sweep, err error) error {
	switch _, wrong := errors.AsType[*labs.OptionError](err); {
	case ctx.Err() != nil:
		return fmt.Errorf("lab %s: interrupted after %d of %d runs", s.Lab, s.Runs(), len(s.Cells)*s.Repeat)
	case wrong:
		return usagef("lab %s: %w", s.Lab, err)
	case err != nil:
		return fmt.Errorf("lab %s, after %d of %d runs: %w", s.Lab, s.Runs(), len(s.Cells)*s.Repeat, err)
	}
	return nil
}

// write shows what was measured, if anything was.
func (x *sweepRun) write(c *cobra.Command, s *sweep.Sweep) error {
	w := c.OutOrStdout()
	switch {
	case x.json:
		return s.WriteJSON(w)
	case s.Runs() == 0:
		return nil
	}
	return s.WriteText(w, sweep.TextOptions{Measures: x.shown, Color: colored(w)})
}

func (x *sweepRun) openFolder() (*os.Root, error) {
	if x.folder == "" {
		return nil, nil
	}
	if err := os.MkdirAll(x.folder, 0o777); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	root, err := os.OpenRoot(x.folder)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	f, err := root.Create("sweep.json") // finds out now whether it can be written
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bundle: %w", err), root.Close())
	}
	return root, f.Close()
}

func (x *sweepRun) writeFolder(root *os.Root, s *sweep.Sweep) error {
	return errors.Join(report.WriteFile(root, "sweep.json", s.WriteJSON), report.WriteFile(root, "sweep.csv", s.WriteCSV),
		report.WriteFile(root, "report.html", func(w io.Writer) error { return s.WritePage(w, x.shown) }), root.Close())
}

// failedRuns tells what did not hold in which run.
func failedRuns(s *sweep.Sweep) error {
	var lines []string
	for _, f := range s.Failed() {
		lines = append(lines, f.String())
	}
	return notHeld(s.Lab, lines)
}
