package filter

import (
	"fmt"
	"math"

	"golang.org/x/net/bpf"
)

// label is a place in the code that may be known later.
type label int

// step is one instruction, or a jump whose distance is not known yet.
type step struct {
	plain   bpf.Instruction // nil for a jump
	test    bpf.JumpTest
	operand uint32
	useX    bool // compare with X, not with operand
	always  bool // jump to yes without a test
	yes, no label
	far     bool // a target is further than a conditional jump reaches
}

// assembler collects code. All jumps go forward, as BPF demands.
type assembler struct {
	steps     []step
	places    []int // label → index of a step
	refuse    label // where a packet goes that is too short for a test
	tagBeside bool  // the code is for packets whose VLAN tag lies beside them
	err       error // the first thing that could not be expressed
}

// fail notes what could not be expressed.
func (a *assembler) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *assembler) label() label {
	a.places = append(a.places, -1)
	return label(len(a.places) - 1)
}

func (a *assembler) place(l label)          { a.places[l] = len(a.steps) }
func (a *assembler) add(in bpf.Instruction) { a.steps = append(a.steps, step{plain: in}) }
func (a *assembler) jump(to label)          { a.steps = append(a.steps, step{always: true, yes: to}) }

func (a *assembler) branch(test bpf.JumpTest, operand uint32, yes, no label) {
	a.steps = append(a.steps, step{test: test, operand: operand, yes: yes, no: no})
}

func (a *assembler) branchX(test bpf.JumpTest, yes, no label) {
	a.steps = append(a.steps, step{test: test, useX: true, yes: yes, no: no})
}

// generate turns the tree into a program.
func generate(root node) ([]bpf.Instruction, error) {
	return assemble(func(a *assembler, yes label) { root.emit(a, yes, a.refuse) })
}

// generateTagged turns the tree into a program that also understands packets
// whose VLAN tag lies beside them.
func generateTagged(root node) ([]bpf.Instruction, error) {
	return assemble(func(a *assembler, yes label) {
		beside, whole := a.label(), a.label()
		a.add(bpf.LoadExtension{Num: bpf.ExtVLANTagPresent})
		a.branch(bpf.JumpEqual, 0, whole, beside)
		a.place(whole)
		root.emit(a, yes, a.refuse)
		a.place(beside)
		a.tagBeside = true
		root.emit(a, yes, a.refuse)
	})
}

// assemble completes the code that emit gives, which ends at yes or at
// a.refuse.
func assemble(emit func(a *assembler, yes label)) ([]bpf.Instruction, error) {
	var a assembler
	a.refuse = a.label()
	yes := a.label()
	emit(&a, yes)
	a.place(yes)
	a.add(bpf.RetConstant{Val: keep})
	a.place(a.refuse)
	a.add(bpf.RetConstant{})
	if a.err != nil {
		return nil, a.err
	}
	code := a.link()
	if len(code) > maxInstructions {
		return nil, fmt.Errorf("the filter needs %d instructions, and the kernel takes %d: make it simpler", len(code), maxInstructions)
	}
	return code, nil
}

// link lays the steps out and fills in the distances. A conditional jump
// reaches 255 instructions far; one that has to reach further becomes a short
// one onto two unconditional jumps behind it, which moves everything after
// it, so it is laid out until nothing changes.
func (a *assembler) link() []bpf.Instruction {
	at := a.layOut()
	for a.widen(at) {
		at = a.layOut()
	}
	var code []bpf.Instruction
	for i, s := range a.steps {
		switch {
		case s.plain != nil:
			code = append(code, s.plain)
		case s.always:
			code = append(code, bpf.Jump{Skip: a.distance(at, i, s.yes)})
		case s.far:
			code = append(code, s.conditional(0, 1),
				bpf.Jump{Skip: a.distance(at, i, s.yes) - 1},
				bpf.Jump{Skip: a.distance(at, i, s.no) - 2})
		default:
			code = append(code, s.conditional(uint8(a.distance(at, i, s.yes)), uint8(a.distance(at, i, s.no))))
		}
	}
	return code
}

// layOut returns the address of each step.
func (a *assembler) layOut() []uint32 {
	at := make([]uint32, len(a.steps))
	next := uint32(0)
	for i, s := range a.steps {
		at[i] = next
		next++
		if s.far {
			next += 2
		}
	}
	return at
}

// widen marks jumps that do not reach their target and reports whether there were any.
func (a *assembler) widen(at []uint32) bool {
	found := false
	for i := range a.steps {
		s := &a.steps[i]
		if s.plain != nil || s.always || s.far {
			continue
		}
		if max(a.distance(at, i, s.yes), a.distance(at, i, s.no)) > math.MaxUint8 {
			s.far, found = true, true
		}
	}
	return found
}

// distance counts the instructions between step i's first one and the label.
func (a *assembler) distance(at []uint32, i int, l label) uint32 {
	return at[a.places[l]] - at[i] - 1
}

func (s *step) conditional(yes, no uint8) bpf.Instruction {
	if s.useX {
		return bpf.JumpIfX{Cond: s.test, SkipTrue: yes, SkipFalse: no}
	}
	return bpf.JumpIf{Cond: s.test, Val: s.operand, SkipTrue: yes, SkipFalse: no}
}
