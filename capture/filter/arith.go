package filter

import (
	"errors"

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

func (length) emit(a *assembler, _ int) { a.add(lengthLoad) }
func (length) guards() []node           { return nil }

func (b bytesAt) emit(a *assembler, depth int) {
	if i, ok := b.index.(number); ok && b.transport {
		a.add(bpf.LoadMemShift{Off: b.base})
		a.add(bpf.LoadIndirect{Off: b.base + uint32(i), Size: b.size})
		return
	} else if ok {
		a.add(bpf.LoadAbsolute{Off: b.base + uint32(i), Size: b.size})
		return
	}
	b.index.emit(a, depth)
	if b.transport {
		a.add(bpf.LoadMemShift{Off: b.base})
		a.add(bpf.ALUOpX{Op: bpf.ALUOpAdd})
	}
	a.add(bpf.TAX{})
	a.add(bpf.LoadIndirect{Off: b.base, Size: b.size})
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

func (o operation) guards() []node { return append(o.left.guards(), o.right.guards()...) }

// both puts left into A and right into X.
func both(a *assembler, depth int, left, right value) {
	if depth >= scratchSlots {
		a.err = errTooDeep
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
