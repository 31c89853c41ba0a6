//go:build !linux

package udpq

import (
	"net/netip"
	"syscall"
)

// kernel is not there: this system takes and gives one datagram per call.
type kernel struct{}

func newKernel(syscall.Conn, int, bool, bool) *kernel { return nil }

func (k *kernel) with(*prober) *kernel { return k }

func (*kernel) receive() ([]datagram, error) { return nil, nil }

func (*kernel) send([]byte, []int, netip.AddrPort, func([]byte, error)) (bytes, count int) {
	return 0, 0
}

func (*kernel) overflowed() uint64 { return 0 }

func (*kernel) waited() bool { return false }

// forceReceiveBuffer is Linux's.
func forceReceiveBuffer(any, int) bool { return false }

// grantedBuffer returns the receive buffer that a socket has, if that can be known.
func grantedBuffer(any) (bytes int, known bool) { return 0, false }
