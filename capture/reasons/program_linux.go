package reasons

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// A record, as the program writes it and Take reads it, in the machine's byte
// order:
//
//	0          8        12       16         20       22       24
//	+----------+--------+--------+----------+--------+---------+------------+
//	| time u64 | reason | length | netns    | kept   | segment | packet     |
//	| ns, boot | u32    | u32    | u32      | u16    | u16     | 128 bytes  |
//	+----------+--------+--------+----------+--------+---------+------------+
const (
	recordTime, recordReason, recordLength, recordNamespace, recordKept, recordSegment, recordPacket = 0, 8, 12, 16, 20, 22, 24
	recordBytes                                                                                      = recordPacket + PacketBytes
)

// The program's stack, below its frame pointer: the record and a word for
// what it reads on the way.
const (
	stackRecord = -(recordBytes + 8)
	stackWord   = -8
)

// Ethernet's numbers of IP, in the packet's byte order as this machine loads it.
var (
	ethernetIPv4 = int32(binary.NativeEndian.Uint16([]byte{0x08, 0x00}))
	ethernetIPv6 = int32(binary.NativeEndian.Uint16([]byte{0x86, 0xdd}))
)

// program assembles what runs at the tracepoint. R6 is its arguments, R7 the
// packet (sk_buff), R8 and R9 what is at hand.
func program(l *layout, c *Config, ring, lost *ebpf.Map) asm.Instructions {
	var p assembler
	p.add(
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R7, asm.R6, 0, asm.DWord),
		asm.LoadMem(asm.R1, asm.R6, 16, asm.DWord),
		asm.StoreMem(asm.RFP, stackRecord+recordReason, asm.R1, asm.Word),
	)
	p.namespace(l, c)
	p.read(stackWord, 2, asm.R7, l.protocol, "exit")
	p.add(
		asm.LoadMem(asm.R1, asm.RFP, stackWord, asm.Half),
		asm.JEq.Imm(asm.R1, ethernetIPv4, "ip"),
		asm.JNE.Imm(asm.R1, ethernetIPv6, "exit"),
	)
	p.mark("ip")
	p.packet(l)
	p.add(
		asm.FnKtimeGetBootNs.Call(),
		asm.StoreMem(asm.RFP, stackRecord+recordTime, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, ring.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, stackRecord),
		asm.Mov.Imm(asm.R3, recordBytes),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.StoreImm(asm.RFP, stackWord, 0, asm.Word), // no room: count it
		asm.LoadMapPtr(asm.R1, lost.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, stackWord),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
	)
	p.mark("exit")
	p.add(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return p.code
}

// assembler gathers instructions.
type assembler struct {
	code asm.Instructions
	next string // the label of the instruction to come
}

func (p *assembler) add(code ...asm.Instruction) {
	if p.next != "" {
		code[0], p.next = code[0].WithSymbol(p.next), ""
	}
	p.code = append(p.code, code...)
}

func (p *assembler) mark(label string) { p.next = label }

// read copies size bytes of the kernel's memory to a place on the stack. When
// nothing is there it jumps.
func (p *assembler) read(to, size int32, base asm.Register, at int32, failed string) {
	p.add(
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, to),
		asm.Mov.Imm(asm.R2, size),
		asm.Mov.Reg(asm.R3, base), asm.Add.Imm(asm.R3, at),
		asm.FnProbeReadKernel.Call(),
		asm.JNE.Imm(asm.R0, 0, failed),
	)
}

// namespace notes whose packet it is, and ends the program if it is none of
// those wanted. The socket that it was for knows best; the packet's own device
// may be overwritten by then, which reading it finds out.
func (p *assembler) namespace(l *layout, c *Config) {
	p.add(asm.Mov.Imm(asm.R9, 0))
	if l.receiver {
		p.add(
			asm.LoadMem(asm.R8, asm.R6, 24, asm.DWord),
			asm.JEq.Imm(asm.R8, 0, "device"),
		)
		p.read(stackWord, 8, asm.R8, l.socketNet, "known")
		p.add(asm.Ja.Label("net"))
	}
	p.mark("device")
	p.read(stackWord, 8, asm.R7, l.device, "known")
	p.add(asm.LoadMem(asm.R8, asm.RFP, stackWord, asm.DWord), asm.JEq.Imm(asm.R8, 0, "sender"))
	p.read(stackWord, 8, asm.R8, l.deviceNet, "known")
	p.add(asm.Ja.Label("net"))
	p.mark("sender")
	p.read(stackWord, 8, asm.R7, l.socket, "known")
	p.add(asm.LoadMem(asm.R8, asm.RFP, stackWord, asm.DWord), asm.JEq.Imm(asm.R8, 0, "known"))
	p.read(stackWord, 8, asm.R8, l.socketNet, "known")
	p.mark("net")
	p.add(asm.LoadMem(asm.R8, asm.RFP, stackWord, asm.DWord))
	p.read(stackWord, 4, asm.R8, l.inode, "known")
	p.add(asm.LoadMem(asm.R9, asm.RFP, stackWord, asm.Word))
	p.mark("known")
	p.add(asm.StoreMem(asm.RFP, stackRecord+recordNamespace, asm.R9, asm.Word))
	if len(c.Namespaces) == 0 {
		return
	}
	for _, ns := range append([]uint32{0}, c.Namespaces...) {
		p.add(asm.LoadImm(asm.R1, int64(ns), asm.DWord), asm.JEq.Reg(asm.R9, asm.R1, "wanted"))
	}
	p.add(asm.Ja.Label("exit"))
	p.mark("wanted")
}

// packet copies what lies in one piece behind the head, from the IP header to
// the tail, as much of it as a record takes.
func (p *assembler) packet(l *layout) {
	const least = 20 // bytes of an IPv4 header
	p.read(stackRecord+recordLength, 4, asm.R7, l.length, "exit")
	p.read(stackWord, 8, asm.R7, l.head, "exit")
	p.add(asm.LoadMem(asm.R9, asm.RFP, stackWord, asm.DWord))
	p.read(stackWord, 4, asm.R7, l.end, "exit")
	p.add(asm.LoadMem(asm.R1, asm.RFP, stackWord, asm.Word), asm.Add.Reg(asm.R9, asm.R1))
	p.read(stackRecord+recordSegment, 2, asm.R9, l.segment, "exit")
	p.read(stackWord, 4, asm.R7, l.tail, "exit")
	p.add(asm.LoadMem(asm.R9, asm.RFP, stackWord, asm.Word))
	p.read(stackWord, 2, asm.R7, l.network, "exit")
	p.add(asm.LoadMem(asm.R8, asm.RFP, stackWord, asm.Half), asm.Sub.Reg(asm.R9, asm.R8))
	p.read(stackWord, 8, asm.R7, l.head, "exit")
	p.add(
		asm.LoadMem(asm.R1, asm.RFP, stackWord, asm.DWord),
		asm.Add.Reg(asm.R8, asm.R1), // where the IP header begins
		asm.JSLT.Imm(asm.R9, least, "exit"),
		asm.JLE.Imm(asm.R9, PacketBytes, "fits"),
		asm.Mov.Imm(asm.R9, PacketBytes),
	)
	p.mark("fits")
	p.add(asm.StoreMem(asm.RFP, stackRecord+recordKept, asm.R9, asm.Half))
	for at := int32(0); at < PacketBytes; at += 4 {
		p.add(asm.StoreImm(asm.RFP, int16(stackRecord+recordPacket+at), 0, asm.Word))
	}
	p.add(
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, stackRecord+recordPacket),
		asm.Mov.Reg(asm.R2, asm.R9),
		asm.Mov.Reg(asm.R3, asm.R8),
		asm.FnProbeReadKernel.Call(),
		asm.JNE.Imm(asm.R0, 0, "exit"),
	)
}
