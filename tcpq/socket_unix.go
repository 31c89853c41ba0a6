//go:build unix

package tcpq

import (
	"io"
	"net"
	"os"
	"syscall"
)

// direct is a kernel's TCP socket, read and written by system calls of our
// own. One goroutine reads, and one at a time writes.
type direct struct {
	net.Conn
	raw   syscall.RawConn
	read  transfer
	write transfer
}

// transfer is one call of the kernel's. It is kept, with the function that
// makes it, because a new function for each would be garbage for each.
type transfer struct {
	do   func(fd uintptr) bool
	b    []byte
	take func() []byte
	drop func()
	n    int
	err  error
}

func newDirect(c net.Conn) *direct {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	d := &direct{Conn: c, raw: raw}
	d.read.do, d.write.do = d.read.receive, d.write.send
	return d
}

// ReadLate reads into a buffer that take gives once there are bytes.
func (d *direct) ReadLate(take func() []byte, drop func()) (int, error) {
	r := &d.read
	r.take, r.drop = take, drop
	if err := d.raw.Read(r.do); err != nil {
		return 0, err
	}
	switch {
	case r.err != nil:
		return 0, r.err
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// receive reports whether there is anything to tell.
func (t *transfer) receive(fd uintptr) bool {
	t.n, t.err = ignoringInterrupts(syscall.Read, int(fd), t.take())
	if t.err == nil && t.n > 0 {
		return true
	}
	t.drop()
	switch t.err {
	case nil: // the end
		return true
	case syscall.EAGAIN:
		return false
	}
	t.n, t.err = 0, os.NewSyscallError("read", t.err)
	return true
}

// TryWrite writes what the socket has room for, without waiting.
func (d *direct) TryWrite(b []byte) (int, error) {
	w := &d.write
	w.b = b
	err := d.raw.Write(w.do)
	w.b = nil
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

func (t *transfer) send(fd uintptr) bool {
	t.n, t.err = ignoringInterrupts(syscall.Write, int(fd), t.b)
	if t.err != nil {
		t.n = 0
	}
	if t.err == syscall.EAGAIN {
		t.err = nil
	}
	return true
}

func ignoringInterrupts(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
