package scenario

import (
	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// Demand is a condition that must not come true, as --fail-on has it.
type Demand struct {
	*measure.Condition
	At Place
}

// takeDemands reads the conditions, and holds them against the runs where the
// file says which there are.
func (f *File) takeDemands(k *field) error {
	items, err := k.items(maxChecks)
	if err != nil {
		return err
	}
	for i := range items {
		text, err := items[i].text()
		if err != nil {
			return err
		}
		at := items[i].value.at()
		c, err := measure.Parse(text)
		if err != nil {
			return at.refuse("%s: %v", k.key, err)
		}
		if c.Lab != "" && c.Lab != f.Name {
			return at.refuse("%s: %q is about lab %s, and this is %s: leave '%s:' out", k.key, text, c.Lab, f.Name, c.Lab)
		}
		if f.From == "" {
			if err := c.Applies(f.sample()); err != nil {
				return at.refuse("%s: %q: %v", k.key, text, err)
			}
		}
		f.FailOn = append(f.FailOn, Demand{c, at})
	}
	return nil
}

// sample is a result of the lab in which nothing was measured.
func (f *File) sample() *report.Result {
	r := &report.Result{Lab: f.Name}
	for i := range f.Runs {
		u := &f.Runs[i]
		run := report.Run{Transport: u.Transport, Reliability: u.rung, Variant: u.Name}
		for _, part := range f.partsOf(i) {
			run.Parts = append(run.Parts, report.Part{Name: part})
		}
		r.Runs = append(r.Runs, run)
	}
	return r
}
