package command

import (
	"errors"
	"fmt"
	"slices"

	"rawlab/labs/measure"
	"rawlab/labs/report"
	"rawlab/labs/scenario"
)

// demand is a condition of --fail-on, or of a lab's file, which must not come
// true.
type demand struct {
	*measure.Condition
	place   *scenario.Place // in the lab's file; nil: it is the command line's
	met     bool            // a lab had what it is about
	lacking error           // what a lab had instead, if one lacked that
}

// String is where the condition stands.
func (d *demand) String() string {
	if d.place == nil {
		return fmt.Sprintf("--fail-on %q", d.Text)
	}
	return fmt.Sprintf("%v: fail-on: %q", d.place, d.Text)
}

// fileDemands are those of a lab's file, and of that lab alone.
func fileDemands(file *scenario.File) []demand {
	var list []demand
	for i := range file.FailOn {
		own := *file.FailOn[i].Condition
		own.Lab = file.Name
		list = append(list, demand{Condition: &own, place: &file.FailOn[i].At})
	}
	return list
}

// parseDemands reads the conditions for the labs that will run.
func parseDemands(texts, names []string) ([]demand, error) {
	var list []demand
	for _, text := range texts {
		c, err := measure.Parse(text)
		if err != nil {
			return nil, usagef("--fail-on %w", err)
		}
		if c.Lab != "" && !slices.Contains(names, c.Lab) {
			return nil, usagef("--fail-on %q: lab %s does not run here", text, c.Lab)
		}
		list = append(list, demand{Condition: c})
	}
	return list, nil
}

// demand puts into a result what was demanded of it, and notes what it lacks.
// It returns the conditions that the result has been held against.
func (s *series) demand(r *report.Result) (held []scenario.Demand) {
	for i := range s.demands {
		d := &s.demands[i]
		if d.Lab != "" && d.Lab != r.Lab {
			continue
		}
		checks, err := d.Check(r)
		if err != nil && r.Interrupted {
			d.met = true // nobody knows what it would have had
		}
		if err != nil {
			d.lacking = err
			continue
		}
		d.met = true
		r.Demands = append(r.Demands, checks...)
		held = append(held, scenario.Demand{Condition: d.Condition})
	}
	return held
}

// unmet tells of the demands that were about no run of any lab: usage errors.
func (s *series) unmet() error {
	var errs []error
	for _, d := range s.demands {
		if !d.met && d.lacking != nil {
			errs = append(errs, usagef("%v: %w", &d, d.lacking))
		}
	}
	return errors.Join(errs...)
}
