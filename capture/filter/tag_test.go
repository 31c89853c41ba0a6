package filter_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/net/bpf"

	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// TestTagBeside: a live program finds in a packet whose tag the kernel has
// taken out what the same expression finds in the file, where it is back in
// its place.
func TestTagBeside(t *testing.T) {
	var packets [][]byte
	for _, b := range sample() {
		if len(b) >= 18 && isTag(b[12:]) {
			packets = append(packets, b)
		}
	}
	programs, refused := 0, 0
	for n, expr := range append(expressions(), "ether[11] = 1 and ether[11:2] != 0", "ether[10:4] = 0x00018100", "ether[13:2] = 0", "ether[13] = 0 and ether[14] = 0", "ether[15:2] != 0", "ether[14:4] = 0x00640800", "ether[15] = 100", "ether[9:4] != ether[12:4]") {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := p.Kernel()
		if _, ok := errors.AsType[*filter.SyntaxError](err); ok {
			refused++
			continue
		} else if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		programs++
		code := disassemble(t, raw)
		for i, b := range some(packets, n) {
			if got, want := runBeside(t, code, b), p.Match(b); got != want {
				t.Errorf("%q: the live program says %t of packet %d, %x, the file's %t", expr, got, i, b, want)
				break
			}
		}
	}
	if programs < 500 || refused > 12 || len(packets) < 50 {
		t.Errorf("%d programs on %d packets, and %d refused, which is not what this test is about", programs, len(packets), refused)
	}
}

func isTag(b []byte) bool {
	return slices.Contains([]uint16{0x8100, 0x88a8}, binary.BigEndian.Uint16(b))
}

func disassemble(t *testing.T, raw []bpf.RawInstruction) []bpf.Instruction {
	t.Helper()
	code, whole := bpf.Disassemble(raw)
	if !whole {
		t.Fatalf("an instruction that is not known in %v", raw)
	}
	return code
}

// runBeside runs a live program as Linux does on a packet that lost its tag.
func runBeside(t *testing.T, live []bpf.Instruction, b []byte) bool {
	t.Helper()
	values := map[bpf.Extension]uint32{
		bpf.ExtVLANTagPresent: 1, bpf.ExtType: 0,
		bpf.ExtVLANProto: uint32(binary.BigEndian.Uint16(b[12:])), bpf.ExtVLANTag: uint32(binary.BigEndian.Uint16(b[14:])),
	}
	code := slices.Clone(live)
	for i, in := range code {
		if e, ok := in.(bpf.LoadExtension); ok && e.Num != bpf.ExtLen {
			code[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: values[e.Num]}
		}
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(append(b[:12:12], b[16:]...))
	return err == nil && n > 0
}
