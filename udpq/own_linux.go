package udpq

import (
	"errors"
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

	using            sync.RWMutex // held by who uses the descriptors
	closed           atomic.Bool
	fd               int
	inet6            bool
	reading, writing side
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
	c := &ownConn{local: udp.LocalAddr(), remote: udp.RemoteAddr()}
	if err := errors.Join(c.reading.open(unix.POLLIN), c.writing.open(unix.POLLOUT)); err != nil {
		c.closeBells()
		return nil, err
	}
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
		c.closeBells()
		return nil, err
	}
	udp.Close() // the runtime lets go of it; the socket stays
	return c, nil
}

// Close ends all that waits, and closes the socket.
func (c *ownConn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.reading.ring()
	c.writing.ring()
	unix.Shutdown(c.fd, unix.SHUT_RDWR) // whoever polls it is told, also where it says that it is not connected
	c.using.Lock()
	defer c.using.Unlock()
	ownOpen.Add(-1)
	c.closeBells()
	return os.NewSyscallError("close", unix.Close(c.fd))
}

// LocalAddr returns this end's address.
func (c *ownConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address, nil if it is not connected.
func (c *ownConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *ownConn) SetDeadline(t time.Time) error {
	return errors.Join(c.setDeadline(&c.reading, t), c.setDeadline(&c.writing, t))
}

// SetReadDeadline is when reading fails; the zero time is never.
func (c *ownConn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.reading, t) }

// SetWriteDeadline is when writing fails; the zero time is never.
func (c *ownConn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writing, t) }

func (c *ownConn) setDeadline(s *side, t time.Time) error {
	return c.Control(func(uintptr) { s.end(t) })
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
