package command

import (
	"errors"
	"slices"

	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// demand is a condition of --fail-on, which must not come true.
type demand struct {
	*measure.Condition
	met     bool  // a lab had what it is about
	lacking error // what a lab had instead, if one lacked that
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
func (s *series) demand(r *report.Result) {
	for i := range s.demands {
		d := &s.demands[i]
		if d.Lab != "" && d.Lab != r.Lab {
			continue
		}
		checks, err := d.Check(r)
		r.Demands = append(r.Demands, checks...)
		d.met = d.met || err == nil
		if err != nil {
			d.lacking = err
		}
	}
}

// unmet tells of the demands that were about no run of any lab: usage errors.
func (s *series) unmet() error {
	var errs []error
	for _, d := range s.demands {
		if !d.met && d.lacking != nil {
			errs = append(errs, usagef("--fail-on %q: %w", d.Text, d.lacking))
		}
	}
	return errors.Join(errs...)
}
