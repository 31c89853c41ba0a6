package filter

import (
	"math"
	"slices"

	"golang.org/x/net/bpf"
)

// maxIndex is the furthest constant offset into a header. Past it no packet
// has bytes, and large ones mean something else to Linux (SKF_AD_OFF).
const maxIndex = 0xffff

var relations = []string{"=", "!=", "<", "<=", ">", ">="}

// precedence of the operators, as in libpcap's grammar: & and | are equal,
// and % and ^, which it gives none, take what stands right before them and
// everything behind.
var precedence = map[string]int{"&": 1, "|": 1, "<<": 2, ">>": 2, "+": 3, "-": 3, "*": 4, "/": 4, "%": 5, "^": 5}

var opcodes = map[string]bpf.ALUOp{
	"&": bpf.ALUOpAnd, "|": bpf.ALUOpOr, "<<": bpf.ALUOpShiftLeft, ">>": bpf.ALUOpShiftRight,
	"+": bpf.ALUOpAdd, "-": bpf.ALUOpSub, "*": bpf.ALUOpMul, "/": bpf.ALUOpDiv, "%": bpf.ALUOpMod, "^": bpf.ALUOpXor,
}

func isOperator(t token) bool {
	return t.kind == kindSymbol && (precedence[t.text] > 0 || slices.Contains(relations, t.text))
}

// atArithmetic reports whether a comparison comes next, rather than a test
// or tests in parentheses.
func (p *parser) atArithmetic() bool {
	t := p.peek()
	switch {
	case t.kind == kindNumber, t.is("len"), t.is("-"):
		return true
	case t.is("("):
		return p.parenthesisIsArithmetic(p.next)
	}
	return t.kind == kindWord && !t.escaped && protocols[t.text] && p.tokens[p.next+1].is("[")
}

// parenthesisIsArithmetic looks at what follows the parenthesis that matches
// a token: only arithmetic goes on with an operator.
func (p *parser) parenthesisIsArithmetic(at int) bool {
	depth := 0
	for i := at; p.tokens[i].kind != kindEnd; i++ {
		switch {
		case p.tokens[i].is("("):
			depth++
		case p.tokens[i].is(")"):
			depth--
		}
		if depth == 0 {
			return isOperator(p.tokens[i+1])
		}
	}
	return false
}

// comparison parses "arith relop arith".
func (p *parser) comparison() (node, error) {
	left, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}
	op, ok := p.accept(relations...)
	if !ok {
		return nil, p.errorf(op, "a comparison (= != < <= > >=) was expected here, not %s", op.quoted())
	}
	right, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}
	return relate(op.text, left, right), nil
}

// arithmetic parses operators that bind tighter than above, by precedence climbing.
func (p *parser) arithmetic(above int) (value, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for {
		op := p.peek()
		level := precedence[op.text]
		if op.kind != kindSymbol || level <= above {
			return left, nil
		}
		p.take()
		below := level
		if op.text == "%" || op.text == "^" {
			below = 0
		}
		right, err := p.arithmetic(below)
		if err != nil {
			return nil, err
		}
		if left, err = p.operate(op, left, right); err != nil {
			return nil, err
		}
	}
}

// operate builds an operation, folding constants, and refuses what the
// kernel refuses or what differs between machines.
func (p *parser) operate(op token, left, right value) (value, error) {
	k, constant := right.(number)
	switch {
	case (op.text == "/" || op.text == "%") && constant && k == 0:
		return nil, p.errorf(op, "division by zero")
	case (op.text == "<<" || op.text == ">>") && (!constant || k > 31):
		return nil, p.errorf(op, "only a shift by a number from 0 to 31 is supported")
	}
	l, both := left.(number)
	if !both || !constant {
		return operation{opcodes[op.text], left, loosen(right, left.guards())}, nil
	}
	switch op.text {
	case "&":
		return l & k, nil
	case "|":
		return l | k, nil
	case "<<":
		return l << k, nil
	case ">>":
		return l >> k, nil
	case "+":
		return l + k, nil
	case "-":
		return l - k, nil
	case "*":
		return l * k, nil
	case "%":
		return l % k, nil
	case "^":
		return l ^ k, nil
	}
	return l / k, nil
}

// operand parses a number, "len", a sign, parentheses or packet bytes.
func (p *parser) operand() (value, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	t := p.take()
	switch {
	case t.kind == kindNumber:
		return number(t.number), nil
	case t.is("len"):
		return length{}, nil
	case t.is("-"):
		v, err := p.arithmetic(precedence["/"]) // % and ^ come before the sign
		if err != nil {
			return nil, err
		}
		if k, ok := v.(number); ok {
			return -k, nil
		}
		return operation{bpf.ALUOpMul, v, number(math.MaxUint32)}, nil
	case t.is("("):
		v, err := p.arithmetic(0)
		if err != nil {
			return nil, err
		}
		return v, p.expect(")")
	case t.kind == kindWord && !t.escaped && protocols[t.text] && p.peek().is("["):
		return p.bytes(t)
	}
	return nil, p.unexpected(t)
}

// bytes parses "[index:size]" behind a protocol.
func (p *parser) bytes(protocol token) (value, error) {
	p.take()
	start := p.peek()
	index, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}
	if k, ok := index.(number); ok && k > maxIndex {
		return nil, p.errorf(start, "no header has a byte %d", int32(k))
	}
	size := 1
	if _, ok := p.accept(":"); ok {
		t := p.take()
		if t.kind != kindNumber || t.number != 1 && t.number != 2 && t.number != 4 {
			return nil, p.errorf(t, "a size must be 1, 2 or 4 bytes, not %s", t.quoted())
		}
		size = int(t.number)
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	b := bytesAt{index: index, size: size}
	b.notLive = p.errorf(protocol, "a live capture cannot read these bytes, for a VLAN tag may lie beside the packet: write them left of the operator")
	if protocol.text == "ether" {
		b.notLive = p.errorf(start, "a live capture reads ether[…] only where a number says, for a VLAN tag may lie beside the packet")
	}
	return p.place(protocol, b)
}

// place says where a protocol's bytes are and what has to hold first.
func (p *parser) place(protocol token, b bytesAt) (value, error) {
	l := p.link
	switch protocol.text {
	case "ether":
		if !l.ethernet {
			return nil, p.errorf(protocol, "these packets have no Ethernet header")
		}
		return b, nil
	case "ip", "ip6", "arp", "rarp":
		b.base, b.guard = l.network, l.abbreviation(protocol.text)
	case "icmp6": // no header between: RFC 8200 section 4 would allow some
		b.base = l.network + ip6Header
		b.guard = and{l.carries(etherIPv6), l.at(ip6Next, 1, bpf.JumpEqual, protoICMPv6)}
	default:
		number := map[string]uint32{"icmp": protoICMP, "igmp": protoIGMP, "tcp": protoTCP, "udp": protoUDP, "sctp": protoSCTP}[protocol.text]
		b.base, b.transport = l.network, true
		b.guard = and{l.ip4(number), l.firstFragment()}
	}
	return b, nil
}
