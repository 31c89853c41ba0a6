package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rawlab/labs"
	"rawlab/labs/report"
	"rawlab/labs/scenario"
)

// allLabs is the name that stands for every lab.
const allLabs = "all"

// series is labs that run one after the other.
type series struct {
	*labFlags
	labs    []*labs.Lab
	args    []string         // what named each lab
	options []labs.Options   // by lab
	files   []*scenario.File // by lab: what makes it run so again
	demands []demand
	suites  []report.Suite // by lab, as far as they have run
	meter   *meter
}

// newSeries finds the labs of the names and joins their options.
func (f *labFlags) newSeries(c *cobra.Command, names []string) (*series, error) {
	if len(names) == 1 && names[0] == allLabs {
		names = labNames()
	}
	s := &series{labFlags: f, args: names}
	var called []string
	for _, arg := range names {
		l, o, file, err := f.find(c, arg)
		if err != nil {
			return nil, err
		}
		if err := f.agree(&o, file); err != nil {
			return nil, err
		}
		s.labs, s.options, s.files = append(s.labs, l), append(s.options, o), append(s.files, file)
		called = append(called, l.Name)
		s.demands = append(s.demands, fileDemands(file)...)
	}
	asked, err := parseDemands(f.failOn, called)
	s.demands = append(s.demands, asked...)
	return s, err
}

// run runs every lab, whatever becomes of those before it, until ctx ends.
func (s *series) run(c *cobra.Command) error {
	junit, err := createFile(s.junit)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	s.meter = s.newMeter(c)
	defer s.meter.end()
	var errs []error
	skipped := 0
	for i, l := range s.labs {
		if c.Context().Err() != nil {
			s.suites = append(s.suites, report.Suite{Name: l.Name, Skipped: true})
			skipped++
			continue
		}
		began := time.Now()
		r, err := s.runOne(c, l, &s.options[i], s.files[i])
		s.suites = append(s.suites, report.Suite{Name: l.Name, Seconds: time.Since(began).Seconds(), Result: r, Err: err})
		if err == nil {
			err = failedChecks(r)
		}
		errs = append(errs, err)
	}
	s.meter.end()
	if len(s.labs) > 1 {
		errs = append(errs, s.writeSeries(c.OutOrStdout()))
	}
	if skipped > 0 {
		errs = append(errs, fmt.Errorf("interrupted before %d of %d labs began", skipped, len(s.labs)))
	}
	errs = append(errs, s.unmet())
	if junit != nil {
		errs = append(errs, report.WriteJUnit(junit, s.suites), junit.Close())
	}
	return errors.Join(errs...)
}

// createFile makes a file before the labs take their time; none without a
// name.
func createFile(name string) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	return os.Create(name)
}

// runOne runs a lab, prints its result and writes its bundle.
func (s *series) runOne(c *cobra.Command, l *labs.Lab, o *labs.Options, file *scenario.File) (*report.Result, error) {
	bundle, err := s.openBundle(l)
	if err != nil {
		return nil, err
	}
	var predicted float64
	if s.predict {
		if predicted, err = s.asker.ask(l, o); err != nil {
			return nil, err
		}
	}
	out, err := s.meter.conduct(c.Context(), l, o)
	if err != nil {
		return nil, err
	}
	if s.predict && !out.Result.Interrupted {
		reveal(l, predicted, out.Result)
	}
	if err := s.judge(out.Result, l, o, file); err != nil {
		return out.Result, err
	}
	if err := s.print(c.OutOrStdout(), out.Result); err != nil {
		return out.Result, err
	}
	if bundle != nil {
		if err := out.WriteBundle(bundle); err != nil {
			return out.Result, err
		}
		s.meter.note("%s are in %s", strings.Join(bundle.Files(), ", "), s.folderOf(l))
	}
	if out.Result.Interrupted {
		return out.Result, fmt.Errorf("lab %s: interrupted", l.Name)
	}
	return out.Result, nil
}

// judge holds a result against what was demanded of it, and notes what makes
// all of it again.
func (s *series) judge(r *report.Result, l *labs.Lab, o *labs.Options, file *scenario.File) (err error) {
	whole := file.Again(l, o)
	whole.FailOn = s.demand(r)
	r.File, err = whole.YAML(again)
	return err
}

// settleWithin is how long a lab that is interrupted may take to account for
// what it has emitted.
const settleWithin = 10 * time.Second

// conduct runs a lab, and shows how far it is. When the stop context
// ends, the lab stops emitting and tells what it has.
func (m *meter) conduct(stop context.Context, l *labs.Lab, o *labs.Options) (*labs.Outcome, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() {
		select {
		case <-time.After(settleWithin):
			cancel()
		case <-ctx.Done():
		}
	})()
	m.begin("lab "+l.Name, o.Seed)
	o.Progress, o.Stop = m.update, stop.Done()
	out, err := l.Run(ctx, o)
	m.pause()
	switch _, wrong := errors.AsType[*labs.OptionError](err); {
	case err == nil:
		return out, nil
	case stop.Err() != nil:
		return nil, fmt.Errorf("lab %s: interrupted", l.Name)
	case wrong:
		return nil, usagef("lab %s: %w", l.Name, err)
	}
	if claim, ok := errors.AsType[*scenario.Error](err); ok {
		return nil, usagef("%w", claim)
	}
	return nil, fmt.Errorf("lab %s: %w", l.Name, err)
}

// newMeter makes the meter of the series. A lab takes about as long as it
// emits, and a little.
func (s *series) newMeter(c *cobra.Command) *meter {
	var weights []float64
	for i := range s.options {
		weights = append(weights, 2+float64(s.options[i].Events)/s.options[i].Pace)
	}
	return newMeter(c.ErrOrStderr(), s.quiet, weights)
}

// openBundle makes the lab's folder, where one was asked for.
func (s *series) openBundle(l *labs.Lab) (*report.Bundle, error) {
	if s.folder == "" {
		return nil, nil
	}
	return report.OpenBundle(s.folderOf(l))
}

// folderOf is where a lab's bundle goes: a folder of its own among several.
func (s *series) folderOf(l *labs.Lab) string {
	if len(s.labs) == 1 {
		return s.folder
	}
	return filepath.Join(s.folder, l.Name)
}

// print writes a result; the JSON of several waits for the last.
func (s *series) print(w io.Writer, r *report.Result) error {
	switch {
	case !s.json && len(s.suites) > 0:
		fmt.Fprintln(w)
		fallthrough
	case !s.json:
		return r.WriteText(w)
	case len(s.labs) == 1:
		return r.WriteJSON(w)
	}
	return nil
}

// failedChecks names what did not hold, a line each.
func failedChecks(r *report.Result) error {
	var lines []string
	for _, f := range r.Failed() {
		lines = append(lines, fmt.Sprintf("%s (%s)", f.Claim, f.Measured))
	}
	return notHeld(r.Lab, lines)
}

// notHeld is nil if nothing failed.
func notHeld(lab string, failed []string) error {
	if len(failed) == 0 {
		return nil
	}
	return &checkError{fmt.Errorf("lab %s: %s did not hold\n  %s", lab, plural(len(failed), "check"), strings.Join(failed, "\n  "))}
}
