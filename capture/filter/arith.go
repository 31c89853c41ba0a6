package filter

import (
	"errors"
	"slices"

	"golang.org/x/net/bpf"
)

// value is arithmetic over packet bytes, in unsigned 32 bits.
type value interface {
	// emit puts the value into A; scratch slots from depth on are free.
	emit(a *assembler, depth int)
	// guards returns the tests that have to hold before the bytes may be looked at.
	guards() []node
}

type number uint32
type length struct{}

// bytesAt is proto[index:size].
type bytesAt struct {
	guard     node // nil if none is needed
	base      uint32
	transport bool // behind the IPv4 header that is at base
	index     value
	size      int
	loose     bool  // its guard is not tested: see operation.guards
	notLive   error // says so where a live program cannot read it
}

type operation struct {
	op          bpf.ALUOp
	left, right value
}

var lengthLoad = bpf.LoadExtension{Num: bpf.ExtLen}

// scratchSlots is how many words a BPF program may set aside (BPF_MEMWORDS).
const scratchSlots = 16

var errTooDeep = errors.New("the filter's arithmetic is nested too deep: make it simpler")

func (n number) emit(a *assembler, _ int) { a.add(bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(n)}) }
func (number) guards() []node             { return nil }

func (length) emit(a *assembler, _ int) { a.length() }
func (length) guards() []node           { return nil }

func (b bytesAt) emit(a *assembler, depth int) {
	index, constant := b.index.(number)
	sure := b.guard != nil && !b.loose // that what is read is the header it is read from
	switch {
	case a.tagBeside && b.base < tagEnd && !sure && (b.transport || !constant):
		a.fail(b.notLive)
	case constant && b.transport:
		a.transport(b.base, uint32(index), b.size)
	case constant:
		a.load(b.base+uint32(index), b.size, depth)
	default:
		b.index.emit(a, depth)
		a.indirect(b.base, b.transport, b.size)
	}
}

func (b bytesAt) guards() []node {
	if b.guard == nil {
		return b.index.guards()
	}
	return append(b.index.guards(), b.guard)
}

func (o operation) emit(a *assembler, depth int) {
	if k, ok := o.right.(number); ok {
		o.left.emit(a, depth)
		a.add(bpf.ALUOpConstant{Op: o.op, Val: uint32(k)})
		return
	}
	both(a, depth, o.left, o.right)
	a.add(bpf.ALUOpX{Op: o.op})
}

// guards are those of the left side alone: libpcap does not test what the
// right side's bytes are bytes of, and so "3 + ip[8] = 67" may hold for any
// protocol, and "ip[8] + 3 = 67" only for IPv4.
func (o operation) guards() []node { return o.left.guards() }

// loosen marks the bytes in v that are read although what guards them was
// not tested: all but those that the guards held have in common with it.
func loosen(v value, held []node) value {
	switch v := v.(type) {
	case bytesAt:
		v.loose = v.loose || v.guard != nil && !slices.Contains(held, v.guard)
		v.index = loosen(v.index, held)
		return v
	case operation:
		v.left, v.right = loosen(v.left, held), loosen(v.right, held)
		return v
	}
	return v
}

// both puts left into A and right into X.
func both(a *assembler, depth int, left, right value) {
	if depth >= scratchSlots {
		a.fail(errTooDeep)
		return
	}
	right.emit(a, depth)
	a.add(bpf.StoreScratch{Src: bpf.RegA, N: depth})
	left.emit(a, depth+1)
	a.add(bpf.LoadScratch{Dst: bpf.RegX, N: depth})
}

// relation compares two values.
type relation struct {
	test        bpf.JumpTest
	left, right value
}

func (r relation) emit(a *assembler, yes, no label) {
	if k, ok := r.right.(number); ok {
		r.left.emit(a, 0)
		a.branch(r.test, uint32(k), yes, no)
		return
	}
	both(a, 0, r.left, r.right)
	a.branchX(r.test, yes, no)
}

// relate builds the node for a comparison: first its guards, which "not"
// does not reach, then the comparison itself.
func relate(operator string, left, right value) node {
	var n node
	switch operator {
	case "=":
		n = relation{bpf.JumpEqual, left, right}
	case "!=":
		n = not{relation{bpf.JumpEqual, left, right}}
	case ">":
		n = relation{bpf.JumpGreaterThan, left, right}
	case "<=":
		n = not{relation{bpf.JumpGreaterThan, left, right}}
	case ">=":
		n = relation{bpf.JumpGreaterOrEqual, left, right}
	case "<":
		n = not{relation{bpf.JumpGreaterOrEqual, left, right}}
	}
	return allOf(append(append(left.guards(), right.guards()...), n)...)
}
