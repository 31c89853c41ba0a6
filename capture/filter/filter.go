package filter

import (
	"errors"
	"fmt"
	"slices"

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
	code        []bpf.Instruction
	in, out     *bpf.VM // for packets that came in, and that went out
	asksLength  bool    // it looks at the packet's length
	asksWay     bool    // it looks at the packet's direction
	root        node
	tagsMayHide bool // packets may have their VLAN tag beside them
}

// Direction is which way a packet went, seen from the host that captured it.
type Direction int

// A packet without a known direction is neither.
const (
	DirectionUnknown Direction = iota
	Inbound
	Outbound
)

// Packet is what a filter looks at.
type Packet struct {
	Data      []byte // from the link header on, as much as was kept
	Length    int    // bytes on the interface: what "len", "less" and "greater" see
	Direction Direction
}

// ErrDirection says that a filter asks for a packet's direction, which the
// packet does not tell.
var ErrDirection = errors.New("the filter asks whether a packet is inbound or outbound, and this one does not tell: " +
	"a pcapng file may note it, a pcap file never does")

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
	p := &Program{
		code: code, root: root, tagsMayHide: l.ethernet,
		asksLength: slices.Contains(code, bpf.Instruction(lengthLoad)), asksWay: slices.Contains(code, bpf.Instruction(directionLoad)),
	}
	if p.in, err = p.vm(-1, Inbound); err != nil {
		return nil, err
	}
	p.out, err = p.vm(-1, Outbound)
	return p, err
}

// vm returns a machine for packets of a length and direction. A negative
// length stands for that of the bytes.
func (p *Program) vm(length int, way Direction) (*bpf.VM, error) {
	code := slices.Clone(p.code)
	for i, in := range code {
		switch {
		case in == directionLoad && way == Outbound:
			code[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: packetOutgoing}
		case in == directionLoad:
			code[i] = bpf.LoadConstant{Dst: bpf.RegA}
		case in == lengthLoad && length >= 0:
			code[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(length)}
		}
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return vm, nil
}

// Kernel returns the program as Linux takes it for a live capture, where a
// packet's outermost VLAN tag may lie beside it. It may fail although
// [Compile] did not: what cannot be said there is a [*SyntaxError] too.
func (p *Program) Kernel() ([]bpf.RawInstruction, error) {
	code := p.code
	if _, all := p.root.(always); p.tagsMayHide && !all {
		var err error
		if code, err = generateTagged(p.root); err != nil {
			return nil, err
		}
	}
	raw, err := bpf.Assemble(code)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return raw, nil
}

// Match reports whether the program accepts a packet that came in, all of
// it, link header first.
func (p *Program) Match(data []byte) bool { return accepts(p.in, data) }

// MatchPacket reports whether the program accepts a packet. It fails with
// [ErrDirection] if that depends on a direction that is not known.
func (p *Program) MatchPacket(packet Packet) (bool, error) {
	if p.asksWay && packet.Direction == DirectionUnknown {
		return false, ErrDirection
	}
	vm := p.in
	if packet.Direction == Outbound {
		vm = p.out
	}
	if p.asksLength && packet.Length != len(packet.Data) {
		var err error
		if vm, err = p.vm(packet.Length, packet.Direction); err != nil {
			return false, err
		}
	}
	return accepts(vm, packet.Data), nil
}

func accepts(vm *bpf.VM, data []byte) bool {
	n, err := vm.Run(data)
	return err == nil && n > 0
}
