package scenario

import (
	"errors"

	"rawlab/labs/measure"
)

// Value is an expression that comes to a number.
type Value struct {
	text string
	term
}

// term is a part of an expression.
type term interface {
	kind() measure.Kind
	eval(*measured) (float64, error)
}

type literal struct {
	is measure.Kind
	v  float64
}

func (l *literal) kind() measure.Kind              { return l.is }
func (l *literal) eval(*measured) (float64, error) { return l.v, nil }

// pair is two terms with a sign between them.
type pair struct {
	sign byte
	l, r term
}

func (p *pair) kind() measure.Kind {
	l, r := p.l.kind(), p.r.kind()
	switch {
	case (p.sign == '+' || p.sign == '-') && l == r:
		return l
	case p.sign != '/' && (l == measure.Time || r == measure.Time), p.sign == '/' && l == measure.Time && r != measure.Time:
		return measure.Time
	}
	return measure.Number
}

func (p *pair) eval(m *measured) (float64, error) {
	l, err := p.l.eval(m)
	r, err2 := p.r.eval(m)
	if err := errors.Join(err, err2); err != nil {
		return 0, err
	}
	switch p.sign {
	case '+':
		return l + r, nil
	case '-':
		return l - r, nil
	case '*':
		return l * r, nil
	}
	if r == 0 {
		return 0, &absentError{"quotient, which would divide by 0,"}
	}
	return l / r, nil
}

// Comparison is two values or more with signs such as <= between them.
type Comparison struct {
	text   string
	at     Place
	values []term
	signs  []string
}

// hold compares, and writes what it compared.
func (c *Comparison) hold(m *measured) (held bool, words string, err error) {
	held = true
	before := 0.0
	for i, t := range c.values {
		v, err := t.eval(m)
		if err != nil {
			return false, "", err
		}
		if i > 0 {
			held = held && compare(before, c.signs[i-1], v)
			words += " " + c.signs[i-1] + " "
		}
		before, words = v, words+write(t.kind(), v)
	}
	return held, words, nil
}

func compare(l float64, sign string, r float64) bool {
	switch sign {
	case "<":
		return l < r
	case "<=":
		return l <= r
	case ">":
		return l > r
	case ">=":
		return l >= r
	case "==":
		return l == r
	}
	return l != r
}
