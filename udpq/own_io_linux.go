package udpq

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read receives a datagram.
func (c *ownConn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFromUDPAddrPort(b)
	return n, err
}

// ReadFrom receives a datagram, and says who sent it.
func (c *ownConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromUDPAddrPort receives a datagram, and says who sent it.
func (c *ownConn) ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error) {
	var errno syscall.Errno
	a := arrivals{names: make([]unix.RawSockaddrInet6, 1)}
	err = rawOwn{c}.Read(func(fd uintptr) bool {
		size := uint32(unix.SizeofSockaddrInet6)
		var r uintptr
		r, _, errno = unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&a.names[0])), uintptr(unsafe.Pointer(&size)))
		n = int(r)
		return errno != unix.EAGAIN && errno != unix.EINTR
	})
	switch {
	case err != nil:
		return 0, from, err
	case errno != 0:
		return 0, from, os.NewSyscallError("recvfrom", errno)
	}
	return n, a.from(0), nil
}

// Write sends a datagram to the other end of a connected socket.
func (c *ownConn) Write(b []byte) (int, error) { return c.sendTo(b, nil, 0) }

// WriteTo sends a datagram.
func (c *ownConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToUDPAddrPort(b, addrPort(to))
}

// WriteToUDPAddrPort sends a datagram.
func (c *ownConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	d := departuresPool.Get().(*departures)
	defer departuresPool.Put(d)
	size := d.address(to, c.inet6)
	return c.sendTo(b, &d.name, size)
}

func (c *ownConn) sendTo(b []byte, name *unix.RawSockaddrInet6, size uint32) (int, error) {
	var errno syscall.Errno
	err := rawOwn{c}.Write(func(fd uintptr) bool {
		_, _, errno = unix.Syscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(name)), uintptr(size))
		return errno != unix.EAGAIN && errno != unix.EINTR
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, os.NewSyscallError("sendto", errno)
	}
	return len(b), nil
}
