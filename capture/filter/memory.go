package filter

import "golang.org/x/net/bpf"

// A packet that Linux gives to a filter may lack its outermost VLAN tag: it
// was taken out, and lies beside the packet. The ring puts it back, and so
// must the filter, or the same expression would mean one thing on a live
// capture and another on the file that was written. For such packets a
// program is generated a second time, in which every offset behind the tag
// moves, and the tag's own bytes are loaded from beside the packet.

const (
	tagAt    = 12 // behind the two addresses (IEEE 802.1Q section 9.3)
	tagBytes = 4
	tagEnd   = tagAt + tagBytes
)

// maxComputed bounds an index that a packet's own bytes say. No packet is
// that long, and the kernel's sum of index and offset must not wrap.
const maxComputed = 1 << 20

// load puts size bytes at a constant offset into A. Scratch slots from depth
// on are free.
func (a *assembler) load(offset uint32, size, depth int) {
	switch {
	case !a.tagBeside || offset+uint32(size) <= tagAt:
		a.add(bpf.LoadAbsolute{Off: offset, Size: size})
	case offset >= tagEnd:
		a.add(bpf.LoadAbsolute{Off: offset - tagBytes, Size: size})
	case offset == tagAt && size == 2:
		a.add(bpf.LoadExtension{Num: bpf.ExtVLANProto})
	case offset == tagAt+2 && size == 2:
		a.add(bpf.LoadExtension{Num: bpf.ExtVLANTag})
	default:
		a.loadAcross(offset, size, depth)
	}
}

// loadAcross puts together, byte by byte, what lies only partly in the tag.
func (a *assembler) loadAcross(offset uint32, size, depth int) {
	if depth >= scratchSlots {
		a.fail(errTooDeep)
		return
	}
	a.loadByte(offset)
	for at := offset + 1; at < offset+uint32(size); at++ {
		a.add(bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 8})
		a.add(bpf.StoreScratch{Src: bpf.RegA, N: depth})
		a.loadByte(at)
		a.add(bpf.LoadScratch{Dst: bpf.RegX, N: depth})
		a.add(bpf.ALUOpX{Op: bpf.ALUOpOr})
	}
}

// loadByte puts one byte of a packet whose tag lies beside it into A.
func (a *assembler) loadByte(at uint32) {
	switch {
	case at < tagAt:
		a.add(bpf.LoadAbsolute{Off: at, Size: 1})
		return
	case at >= tagEnd:
		a.add(bpf.LoadAbsolute{Off: at - tagBytes, Size: 1})
		return
	case at < tagAt+2:
		a.add(bpf.LoadExtension{Num: bpf.ExtVLANProto})
	default:
		a.add(bpf.LoadExtension{Num: bpf.ExtVLANTag})
	}
	if at%2 == 0 {
		a.add(bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 8})
	} else {
		a.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xff})
	}
}

// transport loads size bytes that are offset behind the IPv4 header at
// network into A.
func (a *assembler) transport(network, offset uint32, size int) {
	if network, ok := a.moved(network); ok {
		a.add(bpf.LoadMemShift{Off: network})
		a.add(bpf.LoadIndirect{Off: network + offset, Size: size})
	}
}

// indirect loads size bytes at base and an index into A, which holds the
// index. It counts from behind the IPv4 header at base if transport is set.
func (a *assembler) indirect(base uint32, transport bool, size int) {
	base, ok := a.moved(base)
	if !ok {
		return
	}
	if transport { // an index below zero reaches back into the IPv4 header
		a.add(bpf.LoadMemShift{Off: base})
		a.add(bpf.ALUOpX{Op: bpf.ALUOpAdd})
	}
	near := a.label()
	a.branch(bpf.JumpGreaterThan, maxComputed, a.refuse, near)
	a.place(near)
	a.add(bpf.TAX{})
	a.add(bpf.LoadIndirect{Off: base, Size: size})
}

// moved returns where a header is that lies behind the link's, or behind the
// tag. A header in the place of the tag is none, and the tests before it have
// found so: the code that would read it is never reached.
func (a *assembler) moved(header uint32) (uint32, bool) {
	switch {
	case !a.tagBeside:
		return header, true
	case header >= tagEnd:
		return header - tagBytes, true
	}
	a.add(bpf.LoadConstant{Dst: bpf.RegA})
	return 0, false
}

// length puts the packet's length into A.
func (a *assembler) length() {
	a.add(lengthLoad)
	if a.tagBeside {
		a.add(bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: tagBytes})
	}
}
