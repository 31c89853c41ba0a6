package udpq

import (
	"errors"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type message struct {
	header unix.Msghdr
	bytes  uint32
}

// kernel gives many datagrams to Linux, and takes many, in one call each.
// What the kernel refuses for good is not tried again.
type kernel struct {
	raw       syscall.RawConn
	connected bool
	inet6     bool
	arrivals  *arrivals
	refused   atomic.Bool // sendmmsg is, since
	cuts      atomic.Bool // trains may be sent
	prober    *prober     // of the same socket, nil: none

	recvmmsg, sendmmsg call // so that tests can have them refused
}

// call is recvmmsg or sendmmsg.
type call func(fd uintptr, messages []message) (int, syscall.Errno)

// newKernel returns nil when the kernel will not have many datagrams in a
// call. With offload, trains are sent and received where it has them.
func newKernel(conn syscall.Conn, batch int, connected, offload bool) *kernel {
	return newKernelWith(conn, batch, connected, offload, recvmmsg, sendmmsg)
}

func newKernelWith(conn syscall.Conn, batch int, connected, offload bool, get, put call) *kernel {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	k := &kernel{raw: raw, connected: connected, arrivals: newArrivals(batch), recvmmsg: get, sendmmsg: put}
	able := false
	err = raw.Control(func(fd uintptr) {
		if able = k.probe(fd); able {
			k.configure(int(fd), offload)
		}
	})
	if err != nil || !able {
		return nil
	}
	return k
}

// with has what meets the socket set for probes sent again.
func (k *kernel) with(p *prober) *kernel {
	if k != nil {
		k.prober = p
	}
	return k
}

// probe asks for no datagram in each call, before trains that only the one
// could take apart are let in.
func (k *kernel) probe(fd uintptr) bool {
	_, get := k.recvmmsg(fd, nil)
	_, put := k.sendmmsg(fd, nil)
	return !unable(get) && !unable(put)
}

func (k *kernel) configure(fd int, offload bool) {
	domain, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	k.inet6 = domain == unix.AF_INET6
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) // without it nothing is known of drops
	if !offload {
		return
	}
	_, err := unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT)
	k.cuts.Store(err == nil)
	unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) // refused: nothing comes joined
}

func recvmmsg(fd uintptr, messages []message) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(messages))), uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func sendmmsg(fd uintptr, messages []message) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(messages))), uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// unable reports whether an error means that the call itself is not to be had:
// an old kernel, or one that was told to refuse it.
func unable(errno syscall.Errno) bool { return errno == unix.ENOSYS || errno == unix.EPERM }

// receive waits for datagrams.
func (k *kernel) receive() ([]datagram, error) {
	a := k.arrivals
	a.prepare()
	a.waited = false
	var n int
	var errno syscall.Errno
	err := k.raw.Read(func(fd uintptr) bool {
		for {
			n, errno = k.recvmmsg(fd, a.messages)
			if errno != unix.EINTR {
				a.waited = a.waited || errno == unix.EAGAIN
				return errno != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case errno != 0:
		return nil, errno
	}
	return a.list(n), nil
}

func (k *kernel) overflowed() uint64 { return k.arrivals.overflowed.Load() }

func (k *kernel) waited() bool { return k.arrivals.waited }

// forceReceiveBuffer sets a socket's receive buffer beyond what the system
// grants everybody (SO_RCVBUFFORCE, socket(7)), and reports whether it could.
func forceReceiveBuffer(conn any, bytes int) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes)
	})
	return err == nil && refused == nil
}

// grantedBuffer returns the receive buffer that a socket has, in the unit it
// is asked for: the kernel doubles it for its own needs, see socket(7).
func grantedBuffer(conn any) (bytes int, known bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var option error
	err = raw.Control(func(fd uintptr) {
		bytes, option = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return bytes / 2, errors.Join(err, option) == nil
}
