package filter

import "golang.org/x/net/bpf"

// node is a part of the filter that holds or does not hold for a packet. It
// emits code that goes on at label yes or no.
type node interface {
	emit(a *assembler, yes, no label)
}

type and struct{ left, right node }
type or struct{ left, right node }
type not struct{ node node }
type always struct{}

func (n and) emit(a *assembler, yes, no label) {
	next := a.label()
	n.left.emit(a, next, no)
	a.place(next)
	n.right.emit(a, yes, no)
}

func (n or) emit(a *assembler, yes, no label) {
	next := a.label()
	n.left.emit(a, yes, next)
	a.place(next)
	n.right.emit(a, yes, no)
}

func (n not) emit(a *assembler, yes, no label) { n.node.emit(a, no, yes) }

func (always) emit(a *assembler, yes, _ label) { a.jump(yes) }

var never = not{always{}}

// allOf and anyOf join nodes in the order in which they are tested.
func allOf(nodes ...node) node {
	n := nodes[0]
	for _, m := range nodes[1:] {
		n = and{n, m}
	}
	return n
}

func anyOf(nodes ...node) node {
	n := nodes[0]
	for _, m := range nodes[1:] {
		n = or{n, m}
	}
	return n
}

// field tests bytes of the packet: (value &^ clear) test operand.
type field struct {
	transport bool   // offset counts from behind the IPv4 header
	network   uint32 // where the network header is, for transport
	offset    uint32 // from the start of the packet; of the network header's end for transport
	size      int    // 1, 2 or 4 bytes
	clear     uint32 // bits that do not count
	test      bpf.JumpTest
	operand   uint32
}

func (f field) emit(a *assembler, yes, no label) {
	if f.transport {
		a.transport(f.network, f.offset, f.size)
	} else {
		a.load(f.offset, f.size, 0)
	}
	if f.clear != 0 {
		a.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: ^f.clear})
	}
	a.branch(f.test, f.operand, yes, no)
}

// outbound tests that the capturing host sent the packet.
type outbound struct{}

var directionLoad = bpf.LoadExtension{Num: bpf.ExtType}

// packetOutgoing is what Linux calls a packet that the host sends
// (linux/if_packet.h, PACKET_OUTGOING).
const packetOutgoing = 4

func (outbound) emit(a *assembler, yes, no label) {
	a.add(directionLoad)
	a.branch(bpf.JumpEqual, packetOutgoing, yes, no)
}
