package filter_test

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// sockets are two ends of one queue of datagrams. The kernel runs a filter on
// each that is sent, whatever its bytes are: no right is needed for that.
type sockets struct{ from, to int }

func openSockets(t testing.TB) *sockets {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return &sockets{fds[0], fds[1]}
}

// attach has Linux check a program and run it from now on.
func (s *sockets) attach(raw []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: unsafe.SliceData(code)}
	return unix.SetsockoptSockFprog(s.to, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
}

// accepts reports whether a packet passes the program.
func (s *sockets) accepts(packet []byte) (bool, error) {
	if err := unix.Send(s.from, packet, 0); err != nil {
		return false, err
	}
	var b [1]byte
	_, _, err := unix.Recvfrom(s.to, b[:], unix.MSG_TRUNC)
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	return err == nil, err
}

// TestKernelAgrees has Linux run every program: it takes each, and accepts
// the packets that our own machine accepts.
func TestKernelAgrees(t *testing.T) {
	s, packets := openSockets(t), sample()
	for n, expr := range expressions() {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := p.Kernel()
		if _, refused := errors.AsType[*filter.SyntaxError](err); refused {
			continue // bytes that a live capture cannot read
		} else if err != nil {
			t.Fatal(err)
		}
		if err := s.attach(raw); err != nil {
			t.Errorf("the kernel refuses %q: %v", expr, err)
			continue
		}
		var got, want []int
		for i, b := range some(packets, n) {
			ok, err := s.accepts(b)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = append(got, i)
			}
			if p.Match(b) {
				want = append(want, i)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-our machine +kernel):\n%s", expr, d)
		}
	}
}

// FuzzKernel holds to it that what compiles is a program that Linux takes, or
// is refused in so many words, and that both run it alike.
func FuzzKernel(f *testing.F) {
	for _, e := range expressions() {
		f.Add(e, []byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x81\x00\x00\x64\x08\x00\x45"))
	}
	f.Fuzz(func(t *testing.T, expr string, packet []byte) {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			return
		}
		raw, err := p.Kernel()
		if err != nil {
			return
		}
		s := openSockets(t)
		if err := s.attach(raw); err != nil {
			t.Fatalf("the kernel refuses %q: %v", expr, err)
		}
		if len(packet) > 1<<16 {
			return
		}
		got, err := s.accepts(packet)
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.MatchPacket(filter.Packet{Data: packet, Length: len(packet), Direction: filter.Inbound})
		if got != want || err != nil {
			t.Fatalf("%q accepts %x: %v in the kernel, %v here (%v)", expr, packet, got, want, err)
		}
	})
}
