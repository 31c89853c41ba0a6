package scenario

import (
	"fmt"
	"slices"
	"strings"

	"rawlab/labs/measure"
	"rawlab/labs/report"
	"rawlab/udpq"
)

// shareOf is the kind of a number that is a part of something, from 0 to 1.
const shareOf measure.Kind = -1

// write writes a value of a kind as people read it.
func write(k measure.Kind, v float64) string {
	if k == shareOf {
		return measure.Percent(v)
	}
	return k.Write(v)
}

// selector is what means a run in expressions.
func selector(transport, rung, name string) string {
	if transport == "udp" && rung == "" {
		rung = string(udpq.ReliabilityNone)
	}
	return measure.Selector(&report.Run{Transport: transport, Reliability: rung, Variant: name})
}

// measured is what expressions are about.
type measured struct {
	result *report.Result
	runs   []string // by selector, in their order; nil: as the result has them
}

// run finds the run that a selector means.
func (m *measured) run(name string) (*report.Run, error) {
	if i := slices.Index(m.runs, name); i >= 0 && i < len(m.result.Runs) {
		return &m.result.Runs[i], nil
	}
	var meant []*report.Run
	var all []string
	for i := range m.result.Runs {
		u := &m.result.Runs[i]
		if measure.Selector(u) == name {
			return u, nil
		}
		if measure.Selects(name, u) {
			meant = append(meant, u)
		}
		all = append(all, measure.Selector(u))
		for k := range u.Parts {
			if measure.Selector(u)+"/"+u.Parts[k].Name == name {
				return u.Parts[k].Run(u), nil
			}
		}
	}
	switch len(meant) {
	case 1:
		return meant[0], nil
	case 0:
		return nil, &measure.UnknownError{What: "run", Word: name, Known: all}
	}
	return nil, fmt.Errorf("'%s' means several runs of %s; write more of its name", name, strings.Join(all, ", "))
}

// ofRun is a measure of a run, or the share that it is of its whole.
type ofRun struct {
	run     string
	measure *measure.Measure
	share   bool
}

func (o *ofRun) kind() measure.Kind {
	if o.share {
		return shareOf
	}
	return o.measure.Kind
}

func (o *ofRun) eval(m *measured) (float64, error) {
	u, err := m.run(o.run)
	if err != nil {
		return 0, err
	}
	of := o.measure.Of
	if o.share {
		of = o.measure.Share
	}
	v, ok := of(u)
	if !ok {
		return 0, &absentError{o.run + "." + o.measure.Name}
	}
	return v, nil
}

// absentError says that there is nothing to measure.
type absentError struct{ name string }

func (e *absentError) Error() string { return "there is no " + e.name + " in this run" }

// ofLab is a figure of a lab's own, by its name.
type ofLab struct{ name string }

func (o *ofLab) kind() measure.Kind { return measure.Ratio }

func (o *ofLab) eval(m *measured) (float64, error) {
	v, ok := m.result.Figures[o.name]
	if ok {
		return v, nil
	}
	var names []string
	for name := range m.result.Figures {
		names = append(names, name)
	}
	return 0, &measure.UnknownError{What: "figure of this lab", Word: o.name, Known: names}
}
