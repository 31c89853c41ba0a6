package filter_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// TestKernelAccepts has Linux check every program; any socket will do.
func TestKernelAccepts(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, expr := range expressions {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		code := make([]unix.SockFilter, len(p.Raw()))
		for i, in := range p.Raw() {
			code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
		}
		program := unix.SockFprog{Len: uint16(len(code)), Filter: unsafe.SliceData(code)}
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
			t.Errorf("the kernel refuses %q: %v", expr, err)
		}
	}
}
