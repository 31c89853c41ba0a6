package filter_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"rawlab/capture/pcapng"
)

// linkNames are what tcpdump calls the link types that we read.
var linkNames = map[uint16]string{1: "EN10MB", 101: "RAW", 113: "LINUX_SLL", 276: "LINUX_SLL2"}

// program is what tcpdump compiled of an expression.
type program struct {
	vm  *bpf.VM
	err error // why it did not
}

// compileAll has tcpdump compile expressions, a process each, a few at a
// time. Its optimizer reorders tests, which changes what becomes of packets
// that are too short for one of them; without it (-O) they are tested in the
// order written, as ours are.
func compileAll(tcpdump string, exprs []string, linkType uint16, options ...string) []program {
	programs := make([]program, len(exprs))
	turns := make(chan struct{}, 4) // processes at a time
	var wg sync.WaitGroup
	for i, expr := range exprs {
		turns <- struct{}{}
		wg.Go(func() {
			programs[i] = compile(tcpdump, expr, linkType, options...)
			<-turns
		})
	}
	wg.Wait()
	return programs
}

// compile reads a program as tcpdump -ddd prints it: how many instructions,
// then four numbers for each.
func compile(tcpdump, expr string, linkType uint16, options ...string) program {
	args := append(options, "-ddd", "-y", linkNames[linkType], "--", expr)
	cmd := exec.Command(tcpdump, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if bytes.Contains(stderr.Bytes(), []byte("expression rejects all packets")) {
		out, err = []byte("1 6 0 0 0"), nil
	}
	if err != nil {
		return program{err: fmt.Errorf("tcpdump: %w: %s", err, stderr.Bytes())}
	}
	r := bytes.NewReader(out)
	var n int
	if _, err := fmt.Fscan(r, &n); err != nil {
		return program{err: err}
	}
	raw := make([]bpf.RawInstruction, n)
	for i := range raw {
		in := &raw[i]
		if _, err := fmt.Fscan(r, &in.Op, &in.Jt, &in.Jf, &in.K); err != nil {
			return program{err: err}
		}
	}
	code, whole := bpf.Disassemble(raw)
	if !whole {
		return program{err: fmt.Errorf("an instruction that is not known in %v", raw)}
	}
	for i, in := range code {
		if _, ok := in.(bpf.NegateA); ok { // our machine lacks it
			code[i] = bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: math.MaxUint32}
		}
	}
	vm, err := bpf.NewVM(code)
	return program{vm, err}
}

// accepted returns the numbers of the packets that a program accepts.
func accepted(t *testing.T, vm *bpf.VM, packets [][]byte) []int {
	t.Helper()
	var numbers []int
	for i, b := range packets {
		n, err := vm.Run(b)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// acceptedByItself returns the numbers of the packets that tcpdump itself
// lets through, from a file of them.
func acceptedByItself(tcpdump, expr string, capture []byte) ([]int, error) {
	cmd := exec.Command(tcpdump, "-O", "-r", "-", "-w", "-", "--", expr)
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(capture), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tcpdump: %w: %s", err, stderr.String())
	}
	r, err := pcapng.NewReader(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for {
		p, err := r.Next()
		if err == io.EOF {
			return numbers, nil
		} else if err != nil {
			return nil, err
		}
		numbers = append(numbers, int(p.Time.Unix()))
	}
}

// file puts packets into a capture, the n-th at second n.
func file(t *testing.T, packets [][]byte, linkType uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{LinkType: linkType, SnapLen: 65535}); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		if err := w.WritePacket(&pcapng.Packet{Time: time.Unix(int64(i), 0), Data: p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
