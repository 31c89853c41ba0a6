package filter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// keep is what the program returns for a packet it accepts: how many bytes
// of it to keep. It is tcpdump's snap length.
const keep = 262144

// maxInstructions is the longest program that Linux takes (BPF_MAXINSNS).
const maxInstructions = 4096

// maxExpression bounds the text in bytes.
const maxExpression = 64 << 10

// Program is a compiled filter. It is safe for concurrent use.
type Program struct {
	code []bpf.Instruction
	raw  []bpf.RawInstruction
	vm   *bpf.VM
	len  bool // it looks at the packet's length
}

// SyntaxError says where an expression is wrong, or asks for something that
// is not supported.
type SyntaxError struct {
	Expr   string
	Column int // from 1, in bytes
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter %q, column %d: %s", e.Expr, e.Column, e.Reason)
}

// Compile translates expr for packets of the given pcap link type. An empty
// expression accepts every packet. Mistakes are a [*SyntaxError].
func Compile(expr string, linkType uint16) (*Program, error) {
	l, ok := links[linkType]
	if !ok {
		return nil, fmt.Errorf("filters on packets of link type %d are not supported", linkType)
	}
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("the filter is %d bytes long; at most %d", len(expr), maxExpression)
	}
	tokens, err := lex(expr)
	if err != nil {
		return nil, err
	}
	root, err := parse(expr, tokens, l)
	if err != nil {
		return nil, err
	}
	code, err := generate(root)
	if err != nil {
		return nil, err
	}
	return assemble(code)
}

func assemble(code []bpf.Instruction) (*Program, error) {
	p := &Program{code: code}
	var err error
	if p.raw, err = bpf.Assemble(code); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	if p.vm, err = bpf.NewVM(code); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	for _, in := range code {
		if in == lengthLoad {
			p.len = true
		}
	}
	return p, nil
}

// Raw returns the program as the kernel takes it. Do not change it.
func (p *Program) Raw() []bpf.RawInstruction { return p.raw }

// Match reports whether the program accepts a packet, link header first.
func (p *Program) Match(packet []byte) bool {
	n, err := p.vm.Run(packet)
	return err == nil && n > 0
}

// MatchCut is Match for a packet of which only the first bytes were kept:
// "len", "less" and "greater" see the length that it had.
func (p *Program) MatchCut(packet []byte, length int) bool {
	if !p.len || length == len(packet) {
		return p.Match(packet)
	}
	code := make([]bpf.Instruction, len(p.code))
	for i, in := range p.code {
		if in == lengthLoad {
			in = bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(length)}
		}
		code[i] = in
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		return false
	}
	n, err := vm.Run(packet)
	return err == nil && n > 0
}
