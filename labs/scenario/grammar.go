package scenario

import (
	"slices"
	"strconv"
	"strings"

	"rawlab/internal/spelling"
	"rawlab/labs/measure"
)

// grammar reads one expression:
//
//	comparison = sum SIGN sum { SIGN sum }
//	sum        = product { (+|-) product }
//	product    = factor { (*|/) factor }
//	factor     = NUMBER | RUN.MEASURE [%] | "FIGURE OF THE LAB" | ( sum )
type grammar struct {
	tokens []token
	names
	depth int // of brackets
}

// maxDepth bounds brackets inside brackets.
const maxDepth = 20

var comparing = []string{"<", "<=", ">", ">=", "==", "!="}

// parseValue reads an expression that comes to a number.
func parseValue(text string, n names) (*Value, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	g := &grammar{tokens: tokens, names: n}
	t, err := g.sum()
	if err != nil {
		return nil, err
	}
	if end := g.tokens[0]; end.kind != 0 {
		return nil, wrong(end.at, "'%s': want + - * / or the end", end.text)
	}
	return &Value{strings.TrimSpace(text), t}, nil
}

// parseComparison reads what holds or does not.
func parseComparison(text string, n names) (*Comparison, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	g := &grammar{tokens: tokens, names: n}
	c := &Comparison{text: strings.Join(strings.Fields(text), " ")}
	for {
		at := g.tokens[0].at
		t, err := g.sum()
		if err != nil {
			return nil, err
		}
		if n := len(c.values); n > 0 && (c.values[n-1].kind() == measure.Time) != (t.kind() == measure.Time) {
			return nil, wrong(at, "a time is compared with what is none: write times with their unit, such as 50ms")
		}
		c.values = append(c.values, t)
		if err := c.shares(at); err != nil {
			return nil, err
		}
		sign := g.tokens[0]
		switch {
		case sign.kind == 'o' && slices.Contains(comparing, sign.text):
		case sign.kind == 0 && len(c.values) > 1:
			return c, nil
		case sign.kind == 0:
			return nil, wrong(sign.at, "ends where < <= > >= == or != and what to compare with should follow")
		default:
			return nil, wrong(sign.at, "'%s': want < <= > >= == or !=", sign.text)
		}
		c.signs = append(c.signs, sign.text)
		g.tokens = g.tokens[1:]
	}
}

// shares takes a measure that is compared with a share as one: udp.lost < 5%
// is about the part of the events that is lost.
func (c *Comparison) shares(at int) error {
	n := len(c.values)
	if n < 2 || (c.values[n-2].kind() == shareOf) == (c.values[n-1].kind() == shareOf) {
		return nil
	}
	for _, t := range c.values[n-2:] {
		o, ok := t.(*ofRun)
		switch {
		case t.kind() == shareOf:
		case ok && o.measure.HasShare():
			o.share = true
		default:
			return wrong(at, "a share is compared with what is none: say of what it is one, as in 5%% * udp.emitted")
		}
	}
	return nil
}

func (g *grammar) sum() (term, error) { return g.row("+-", (*grammar).product) }

func (g *grammar) product() (term, error) { return g.row("*/", (*grammar).factor) }

// row reads parts with any of some signs between them.
func (g *grammar) row(of string, part func(*grammar) (term, error)) (term, error) {
	l, err := part(g)
	if err != nil {
		return nil, err
	}
	for {
		sign := g.tokens[0]
		if sign.kind != 'o' || !strings.Contains(of, sign.text) {
			return l, nil
		}
		g.tokens = g.tokens[1:]
		r, err := part(g)
		if err != nil {
			return nil, err
		}
		lt, rt := l.kind() == measure.Time, r.kind() == measure.Time
		switch {
		case of == "+-" && lt != rt:
			return nil, wrong(sign.at, "'%s' between a time and what is none: write times with their unit, such as 50ms", sign.text)
		case sign.text == "*" && lt && rt, sign.text == "/" && rt && !lt:
			return nil, wrong(sign.at, "'%s': a time can be multiplied with and divided by a number, or divided by a time", sign.text)
		}
		l = &pair{sign.text[0], l, r}
	}
}

func (g *grammar) factor() (term, error) {
	t := g.tokens[0]
	switch {
	case t.kind == 'n':
		g.tokens = g.tokens[1:]
		return parseNumber(t)
	case t.kind == 'i':
		g.tokens = g.tokens[1:]
		return g.figure(t)
	case t.kind == 'q':
		g.tokens = g.tokens[1:]
		return &ofLab{strings.Trim(t.text, `"`)}, nil
	case t.kind == 'o' && t.text == "(":
		return g.bracket()
	case t.kind == 0:
		return nil, wrong(t.at, "ends where a measure such as udp.lost, or a number, should follow")
	}
	return nil, wrong(t.at, "'%s': want a measure such as udp.lost, or a number", t.text)
}

func (g *grammar) bracket() (term, error) {
	at := g.tokens[0].at
	if g.depth++; g.depth > maxDepth {
		return nil, wrong(at, "more than %d brackets inside each other", maxDepth)
	}
	g.tokens = g.tokens[1:]
	inner, err := g.sum()
	if err != nil {
		return nil, err
	}
	if end := g.tokens[0]; end.text != ")" {
		return nil, wrong(end.at, "want ')' for the '(' at character %d", at+1)
	}
	g.depth--
	g.tokens = g.tokens[1:]
	return inner, nil
}

// numberUnits are what may stand behind a number.
var numberUnits = []struct {
	text string
	is   measure.Kind
	of   float64
}{
	{"%", shareOf, 0.01}, {"us", measure.Time, 1}, {"ms", measure.Time, 1e3}, {"min", measure.Time, 60e6}, {"s", measure.Time, 1e6},
	{"K", measure.Number, 1e3}, {"M", measure.Number, 1e6}, {"", measure.Number, 1},
}

func parseNumber(t token) (term, error) {
	for _, u := range numberUnits {
		digits, ok := strings.CutSuffix(t.text, u.text)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
		if err != nil || v > 1e15 || strings.Trim(digits, "0123456789.,") != "" {
			break
		}
		return &literal{u.is, v * u.of}, nil
	}
	return nil, wrong(t.at, "'%s': want a number such as 1,000 or 0.5, with %%, us, ms, s or min behind it if it has a unit", t.text)
}

// figure reads run.measure, with a sign behind it for the share that it is.
func (g *grammar) figure(t token) (term, error) {
	run, name, ok := strings.Cut(t.text, ".")
	if !ok {
		return nil, wrong(t.at, "'%s': want a run and a measure of it, such as udp.lost", t.text)
	}
	part := slices.Contains(g.parts, run)
	if g.runs != nil && !part && !slices.Contains(g.runs, run) {
		return nil, wrong(t.at, "no run is called '%s'; the nearest is '%s'", run, spelling.Nearest(run, slices.Concat(g.runs, g.parts)))
	}
	m, err := measure.Find(name)
	if err != nil {
		return nil, wrong(t.at+len(run)+1, "'%s' is no measure of a run; the nearest is '%s'", name, spelling.Nearest(name, measure.Names()))
	}
	if part && !m.OfParts {
		return nil, wrong(t.at+len(run)+1, "'%s' is of a whole run, not of a topic or a subscriber of it", name)
	}
	o := &ofRun{run: run, measure: m}
	if g.tokens[0].text == "%" {
		if !m.HasShare() {
			return nil, wrong(g.tokens[0].at, "'%%': %s is no part of anything", name)
		}
		o.share = true
		g.tokens = g.tokens[1:]
	}
	return o, nil
}
