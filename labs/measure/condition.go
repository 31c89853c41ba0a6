package measure

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rawlab/labs/report"
)

// Condition is what must not come true of a lab's result.
type Condition struct {
	Text string // as it was written
	Lab  string // the only one that it is about; empty: any

	selector string // of the runs that it is about; empty: all
	measure  *Measure
	figure   string // a lab's own number, instead of a measure
	operator string
	value    float64 // in the measure's base unit, or 0 to 1
	share    bool
}

// figures is what stands before the name of a lab's own number.
const figures = "figures."

// transports are what a selector can begin with.
var transports = []string{"tcp", "udp"}

var conditionForm = regexp.MustCompile(`^([^<>=!]+)(>=|<=|==|!=|>|<)([^<>=!]+)$`)

// Parse reads "[LAB:][TRANSPORT[/VARIANT][/RUNG].]MEASURE OPERATOR VALUE".
func Parse(text string) (*Condition, error) {
	m := conditionForm.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%q: want a name, one of > >= < <= == !=, and a value, such as 'udp.lost>1%%' or 'tcp.p99>200ms'", text)
	}
	c := &Condition{Text: strings.TrimSpace(text), operator: m[2]}
	name, value := strings.TrimSpace(m[1]), strings.TrimSpace(m[3])
	if lab, rest, ok := strings.Cut(name, ":"); ok {
		c.Lab, name = strings.TrimSpace(lab), strings.TrimSpace(rest)
	}
	if figure, ok := strings.CutPrefix(name, figures); ok {
		c.figure = figure
		var err error
		if c.value, err = parseNumber(value); err != nil {
			return nil, fmt.Errorf("%q: a lab's own figure wants a number, not %q", text, value)
		}
		return c, nil
	}
	if err := c.parseName(name); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	var err error
	if c.value, c.share, err = c.measure.parseValue(value); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return c, nil
}

func (c *Condition) parseName(name string) (err error) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		c.selector, name = name[:i], name[i+1:]
		if first, _, _ := strings.Cut(c.selector, "/"); !contains(transports, first) {
			return &UnknownError{What: "transport", Word: first, Known: transports}
		}
	}
	c.measure, err = Find(name)
	return err
}

func contains(list []string, word string) bool {
	for _, s := range list {
		if strings.EqualFold(s, word) {
			return true
		}
	}
	return false
}

// Check holds a result against the condition: a check for each run that it is
// about, which holds where the condition has not come true. An error tells
// that the result has no such run or figure.
func (c *Condition) Check(r *report.Result) ([]report.Check, error) {
	if c.figure != "" {
		return c.checkFigure(r)
	}
	var checks []report.Check
	for i := range r.Runs {
		u := &r.Runs[i]
		if Selects(c.selector, u) {
			checks = append(checks, c.checkRun(u))
		}
		for k := range u.Parts {
			if p := &u.Parts[k]; SelectsPart(c.selector, u, p) && c.measure.OfParts {
				checks = append(checks, c.checkRun(p.Run(u)))
			}
		}
	}
	return checks, c.Applies(r)
}

// Applies tells whether the result has what the condition is about; the error
// names what it has.
func (c *Condition) Applies(r *report.Result) error {
	if c.figure != "" {
		if _, ok := r.Figures[c.figure]; ok {
			return nil
		}
		return &UnknownError{What: fmt.Sprintf("figure of lab %s", r.Lab), Word: c.figure, Known: slices.Collect(maps.Keys(r.Figures))}
	}
	for i := range r.Runs {
		u := &r.Runs[i]
		isPart := func(p report.Part) bool { return SelectsPart(c.selector, u, &p) }
		switch {
		case Selects(c.selector, u):
			return nil
		case !slices.ContainsFunc(u.Parts, isPart):
		case !c.measure.OfParts:
			return fmt.Errorf("%s is of a whole run, not of a topic or a subscriber of it", c.measure.Name)
		default:
			return nil
		}
	}
	return &UnknownError{What: fmt.Sprintf("run of lab %s", r.Lab), Word: c.selector, Known: selectors(r)}
}

func selectors(r *report.Result) []string {
	var known []string
	for i := range r.Runs {
		u := &r.Runs[i]
		known = append(known, Selector(u))
		for k := range u.Parts {
			if p := &u.Parts[k]; p.Number == 0 { // its subscribers have numbers behind that
				known = append(known, Selector(u)+"/"+p.Name)
			}
		}
	}
	return known
}

func (c *Condition) checkRun(u *report.Run) report.Check {
	check := report.Check{Claim: c.claim(Selector(u) + "." + c.measure.Name)}
	v, ok := c.measure.Of(u)
	if !ok {
		check.Measured = "there is none in this run"
		return check
	}
	check.Measured = c.measure.Kind.Write(v)
	share, ok := c.measure.Share(u)
	if ok {
		check.Measured += ", " + Percent(share)
	}
	if c.share && !ok {
		check.Measured += ", of none"
		return check
	}
	if c.share {
		v = share
	}
	check.Held = !c.isTrue(v)
	return check
}

func (c *Condition) checkFigure(r *report.Result) ([]report.Check, error) {
	if err := c.Applies(r); err != nil {
		return nil, err
	}
	v := r.Figures[c.figure]
	return []report.Check{{Claim: c.claim(figures + c.figure), Measured: Ratio.Write(v), Held: !c.isTrue(v)}}, nil
}

// claim is what is demanded of a run: that the condition is not true.
func (c *Condition) claim(name string) string {
	value := c.Text[strings.LastIndex(c.Text, c.operator)+len(c.operator):]
	return fmt.Sprintf("not %s %s %s", name, c.operator, strings.TrimSpace(value))
}

// isTrue compares.
func (c *Condition) isTrue(v float64) bool {
	order := cmp.Compare(v, c.value)
	switch c.operator {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case "==":
		return order == 0
	}
	return order != 0
}
