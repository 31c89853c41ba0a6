package udpq

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxOwn bounds the sockets of a process that wait on their own: each has a
// thread while it waits.
const maxOwn = 8

var ownOpen atomic.Int64

// ownConn is a UDP socket that the runtime does not watch. Its poller has
// itself told of each datagram that has left, which costs as much as sending it
// where a CPU must be woken for that; who waits here is told of what he waits
// for.
type ownConn struct {
	local, remote net.Addr

	using  sync.RWMutex // held by who uses the descriptors
	closed atomic.Bool
	fd     int
	inet6  bool
	bell   int          // an eventfd: something has changed for who waits to read
	until  atomic.Int64 // reading, ns since 1970; 0: no end
}

// own takes a socket from the runtime, as far as there may be more of its kind
// and the system has what it needs. Otherwise it returns it as it was.
func own(conn net.Conn) net.Conn {
	udp, is := conn.(*net.UDPConn)
	if !is {
		return conn
	}
	if ownOpen.Add(1) > maxOwn {
		ownOpen.Add(-1)
		return conn
	}
	c, err := takeOver(udp)
	if err != nil {
		ownOpen.Add(-1)
		return conn
	}
	return c
}

func takeOver(udp *net.UDPConn) (*ownConn, error) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	c := &ownConn{local: udp.LocalAddr(), remote: udp.RemoteAddr(), bell: bell}
	var failed error
	err = raw.Control(func(fd uintptr) {
		domain, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		c.inet6 = domain == unix.AF_INET6
		c.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		unix.Close(bell)
		return nil, err
	}
	udp.Close() // the runtime lets go of it; the socket stays
	return c, nil
}

var one = [8]byte{1, 1, 1, 1, 1, 1, 1} // a number for an eventfd, of either order of bytes

// ring lets who waits to read look again.
func (c *ownConn) ring() {
	c.using.RLock()
	defer c.using.RUnlock()
	if !c.closed.Load() {
		unix.Write(c.bell, one[:])
	}
}

// Close ends all that waits, and closes the socket.
func (c *ownConn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	unix.Write(c.bell, one[:])
	unix.Shutdown(c.fd, unix.SHUT_RDWR) // whoever polls it is told, also where it says that it is not connected
	c.using.Lock()
	defer c.using.Unlock()
	ownOpen.Add(-1)
	unix.Close(c.bell)
	return os.NewSyscallError("close", unix.Close(c.fd))
}

// LocalAddr returns this end's address.
func (c *ownConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address, nil if it is not connected.
func (c *ownConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline: a datagram never waits long to leave.
func (c *ownConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (c *ownConn) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline is when reading fails; the zero time is never.
func (c *ownConn) SetReadDeadline(t time.Time) error {
	until := int64(0)
	if !t.IsZero() {
		until = t.UnixNano()
	}
	c.until.Store(until)
	c.ring()
	return nil
}

// SetReadBuffer asks for a receive buffer.
func (c *ownConn) SetReadBuffer(bytes int) (err error) {
	failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes) })
	if failed != nil {
		return failed
	}
	return os.NewSyscallError("setsockopt", err)
}

// SyscallConn returns the socket for system calls of others.
func (c *ownConn) SyscallConn() (syscall.RawConn, error) { return rawOwn{c}, nil }

// Control calls f with the descriptor.
func (c *ownConn) Control(f func(fd uintptr)) error {
	c.using.RLock()
	defer c.using.RUnlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	f(uintptr(c.fd))
	return nil
}
