package filter

import (
	"fmt"
	"slices"
)

// maxNesting bounds parentheses and nots, and so our own stack.
const maxNesting = 200

// parser is a recursive descent over libpcap's grammar:
//
//	expr = term { ("and" | "or") (term | id) }        equal precedence, left to right
//	term = "not" term | "(" expr ")" | [protocol] qualifiers id | protocol
//	     | arith relop arith | ("less" | "greater") number | [protocol] "broadcast" | …
//	id   = "not" id | "(" id { ("and" | "or") id } ")" | address | port | number
//
// An id after "and" or "or" takes the qualifiers of what stood before it.
type parser struct {
	expr    string
	tokens  []token
	next    int
	nesting int
	link    link
}

func parse(expr string, tokens []token, l link) (node, error) {
	p := &parser{expr: expr, tokens: tokens, link: l}
	if p.peek().kind == kindEnd {
		return always{}, nil
	}
	n, _, err := p.expression(qualifier{})
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != kindEnd {
		return nil, p.unexpected(t)
	}
	return n, nil
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != kindEnd {
		p.next++
	}
	return t
}

// is reports whether t is the keyword or symbol s.
func (t token) is(s string) bool {
	return t.text == s && !t.escaped && (t.kind == kindWord || t.kind == kindSymbol)
}

// accept takes the next token if it is one of these keywords or symbols.
func (p *parser) accept(any ...string) (token, bool) {
	t := p.peek()
	if slices.ContainsFunc(any, t.is) {
		return p.take(), true
	}
	return t, false
}

func (p *parser) expect(s string) error {
	if t, ok := p.accept(s); !ok {
		return p.errorf(t, "%q was expected here, not %s", s, t.quoted())
	}
	return nil
}

func (p *parser) errorf(t token, format string, args ...any) error {
	return &SyntaxError{p.expr, t.at + 1, t.width, fmt.Sprintf(format, args...)}
}

// at gives err, if any, the position of t.
func (p *parser) at(t token, n node, err error) (node, error) {
	if err != nil {
		return nil, p.errorf(t, "%v", err)
	}
	return n, nil
}

func (t token) quoted() string {
	if t.kind == kindEnd {
		return "the end"
	}
	return fmt.Sprintf("%q", t.text)
}

func (p *parser) unexpected(t token) error {
	if t.kind == kindEnd {
		return p.errorf(t, "something is missing at the end")
	}
	if t.kind == kindWord {
		return p.errorf(t, "%q is not supported here", t.text)
	}
	return p.errorf(t, "%s was not expected here", t.quoted())
}

// enter counts nesting; the returned function leaves again.
func (p *parser) enter() (func(), error) {
	if p.nesting++; p.nesting > maxNesting {
		return nil, p.errorf(p.peek(), "more than %d levels of nesting", maxNesting)
	}
	return func() { p.nesting-- }, nil
}

// expression parses terms and ids joined by and and or. outer is the
// qualifier in force before it; it returns the one in force after it.
func (p *parser) expression(outer qualifier) (node, qualifier, error) {
	left, q, err := p.term(outer)
	if err != nil {
		return nil, q, err
	}
	for {
		t, ok := p.accept("and", "or")
		if !ok {
			return left, q, nil
		}
		var right node
		if p.atID(q) {
			right, err = p.id(q)
		} else {
			right, q, err = p.term(q)
		}
		if err != nil {
			return nil, q, err
		}
		left = join(t.text, left, right)
	}
}

func join(operator string, left, right node) node {
	if operator == "and" {
		return and{left, right}
	}
	return or{left, right}
}

// term parses one term and returns the qualifier that an id behind it takes.
func (p *parser) term(outer qualifier) (node, qualifier, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, outer, err
	}
	defer leave()
	if _, ok := p.accept("not"); ok {
		n, q, err := p.term(outer)
		return not{n}, q, err
	}
	if p.atArithmetic() {
		n, err := p.comparison()
		return n, qualifier{}, err
	}
	if _, ok := p.accept("("); ok {
		n, _, err := p.expression(outer)
		if err != nil {
			return nil, outer, err
		}
		return n, outer, p.expect(")")
	}
	return p.primitive()
}

// primitive parses a term that is not made of terms.
func (p *parser) primitive() (node, qualifier, error) {
	none := qualifier{}
	start := p.peek()
	if special := specials[start.text]; special != nil && start.is(start.text) {
		n, err := special(p, p.take())
		return n, none, err
	}
	if !start.escaped && start.kind == kindWord && protocols[start.text] {
		p.take()
		none.protocol = start.text
	}
	if t, ok := p.accept("broadcast", "multicast"); ok {
		n, err := p.link.cast(none.protocol, t.text)
		n, err = p.at(start, n, err)
		return n, qualifier{}, err
	}
	q, err := p.qualifiers(none.protocol)
	if err != nil {
		return nil, q, err
	}
	if q.defined {
		n, err := p.id(q)
		return n, q, err
	}
	switch none.protocol {
	case "":
		return nil, q, p.unexpected(start)
	case "ether":
		return nil, q, p.unexpected(p.peek())
	}
	return p.link.abbreviation(none.protocol), qualifier{}, nil
}

// qualifiers parses direction and kind; without any the result is not defined.
func (p *parser) qualifiers(protocol string) (qualifier, error) {
	q := qualifier{protocol: protocol}
	if t, ok := p.accept("src", "dst"); ok {
		q.defined, q.direction = true, t.text
		if joint := p.peek(); joint.is("or") || joint.is("and") {
			other := map[string]string{"src": "dst", "dst": "src"}[t.text]
			if p.tokens[p.next+1].is(other) {
				p.next += 2
				q.direction = map[string]string{"or": "", "and": "src and dst"}[joint.text]
			}
		}
	}
	if t, ok := p.accept("host", "net", "port", "portrange", "proto"); ok {
		q.defined, q.kind = true, t.text
	}
	return q, nil
}
