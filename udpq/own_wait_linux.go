package udpq

import (
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"rawlab/internal/clock"
)

// rawOwn is what waits: a method of ownConn named Read is taken by net.Conn.
type rawOwn struct{ *ownConn }

// yields is how often who has read all gives others the CPU before he waits to
// be woken: what they send meanwhile comes without.
const yields = 8

// Read calls f until it is done, each time when there may be something to read.
func (c rawOwn) Read(f func(fd uintptr) (done bool)) error { return c.await(&c.reading, yields, f) }

// Write calls f until it is done, each time when there may be room to write.
func (c rawOwn) Write(f func(fd uintptr) (done bool)) error { return c.await(&c.writing, 0, f) }

// await calls f until it is done. Before it waits, it looks a few times more.
func (c *ownConn) await(s *side, yields int, f func(fd uintptr) (done bool)) error {
	c.using.RLock()
	defer c.using.RUnlock()
	for looks := 0; !c.closed.Load(); looks++ {
		left, err := s.left()
		if err != nil {
			return err
		}
		if f(uintptr(c.fd)) {
			return nil
		}
		if looks%(yields+1) < yields {
			unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			continue
		}
		s.wait(c.fd, left)
	}
	return net.ErrClosed
}

// side is what is waited for: something to read, or room to write.
type side struct {
	events int16
	bell   int          // an eventfd: something has changed for who waits
	until  atomic.Int64 // ns since 1970, 0: no end
}

func (s *side) open(events int16) (err error) {
	s.events = events
	s.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return os.NewSyscallError("eventfd", err)
}

func (c *ownConn) closeBells() {
	for _, s := range [...]*side{&c.reading, &c.writing} {
		if s.bell >= 0 {
			unix.Close(s.bell)
		}
	}
}

var one = [8]byte{1, 1, 1, 1, 1, 1, 1} // a number for an eventfd, of either order of bytes

// ring lets who waits look again.
func (s *side) ring() { unix.Write(s.bell, one[:]) }

// end sets the deadline; the zero time is none.
func (s *side) end(t time.Time) {
	until := int64(0)
	if !t.IsZero() {
		until = t.UnixNano()
	}
	s.until.Store(until)
	s.ring()
}

// left returns how long there is, nil for ever, or that it is over.
func (s *side) left() (*unix.Timespec, error) {
	until := s.until.Load()
	if until == 0 {
		return nil, nil
	}
	left := until - clock.Real.Now().UnixNano()
	if left <= 0 {
		return nil, os.ErrDeadlineExceeded
	}
	t := unix.NsecToTimespec(left)
	return &t, nil
}

// wait waits for something, or for nothing in that time: whoever calls looks.
func (s *side) wait(fd int, left *unix.Timespec) {
	fds := [...]unix.PollFd{{Fd: int32(fd), Events: s.events}, {Fd: int32(s.bell), Events: unix.POLLIN}}
	unix.Ppoll(fds[:], left, nil)
	if fds[1].Revents != 0 {
		var rings [8]byte
		unix.Read(s.bell, rings[:])
	}
}
