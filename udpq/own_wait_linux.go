package udpq

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"rawlab/internal/clock"
)

// rawOwn is what waits: a method of ownConn named Read is taken by net.Conn.
type rawOwn struct{ *ownConn }

// yields is how often who has read all gives others the CPU before he waits to
// be woken: what they send meanwhile comes without.
const yields = 8

// Read calls f until it is done, each time when there may be something to read.
func (c rawOwn) Read(f func(fd uintptr) (done bool)) error {
	c.using.RLock()
	defer c.using.RUnlock()
	for looks := 0; ; looks++ {
		left, err := c.left()
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
		c.wait([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}, {Fd: int32(c.bell), Events: unix.POLLIN}}, left)
	}
}

// Write calls f until it is done, each time when there may be room to write.
func (c rawOwn) Write(f func(fd uintptr) (done bool)) error {
	c.using.RLock()
	defer c.using.RUnlock()
	for !c.closed.Load() {
		if f(uintptr(c.fd)) {
			return nil
		}
		c.wait([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, nil)
	}
	return net.ErrClosed
}

// left returns how long there is to read, nil for ever, or that there is not.
func (c *ownConn) left() (*unix.Timespec, error) {
	if c.closed.Load() {
		return nil, net.ErrClosed
	}
	until := c.until.Load()
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
func (c *ownConn) wait(fds []unix.PollFd, left *unix.Timespec) {
	unix.Ppoll(fds, left, nil)
	if len(fds) > 1 && fds[1].Revents != 0 {
		var rings [8]byte
		unix.Read(c.bell, rings[:])
	}
}
