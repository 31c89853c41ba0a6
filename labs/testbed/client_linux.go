package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// connect opens a conversation with a testbed.
func connect(name string) (*peer, error) {
	path, err := socketPath(name)
	if err != nil {
		return nil, err
	}
	c, err := net.Dial("unix", path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s %w; 'rawlab net up' makes it%s", quoted(name), ErrDown, others(name))
	case errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%s %w: its processes were ended from outside and nothing of it is left; 'rawlab net up' makes it anew", quoted(name), ErrDown)
	case err != nil:
		return nil, err
	}
	return newPeer(c.(*net.UnixConn)), nil
}

// others names the testbeds that there are instead.
func others(name string) string {
	names, _ := Names()
	names = slices.DeleteFunc(names, func(n string) bool { return n == name })
	if len(names) > 0 {
		return " (there is: " + strings.Join(names, " ") + ", see --name)"
	}
	return ""
}

// ask sends a request and returns the first answer.
func (p *peer) ask(q *request, files ...*os.File) (*reply, error) {
	if err := p.sendFiles(files...); err != nil {
		return nil, p.lost(err)
	}
	if err := p.out.Encode(q); err != nil {
		return nil, p.lost(err)
	}
	return p.next()
}

func (p *peer) next() (*reply, error) {
	var r reply
	if err := p.in.Decode(&r); err != nil {
		return nil, p.lost(err)
	}
	return &r, r.err()
}

// lost says what the end of a conversation before its answer means.
func (p *peer) lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return errors.New("it has ended: its processes are gone")
	}
	return err
}

// one asks for one answer.
func one(ctx context.Context, name string, q *request, files ...*os.File) (*reply, error) {
	p, err := connect(name)
	if err != nil {
		return nil, err
	}
	defer p.conn.Close()
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	r, err := p.ask(q, files...)
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(name), err)
	}
	return r, nil
}

// Ask returns how a testbed does, with its hosts' TCP connections if wanted.
func Ask(ctx context.Context, name string, connections bool) (*Status, error) {
	r, err := one(ctx, name, &request{Status: &statusRequest{Connections: connections}})
	if err != nil {
		return nil, err
	}
	return r.Status, nil
}

// Set changes what links of a testbed do, by their names, and starts their
// plans anew. It returns how the testbed does then.
func Set(ctx context.Context, name string, links map[string]Setting) (*Status, error) {
	r, err := one(ctx, name, &request{Set: &setRequest{Links: links}})
	if err != nil {
		return nil, err
	}
	return r.Status, nil
}

// StartCapture captures at every host into the file until the testbed ends.
func StartCapture(ctx context.Context, name string, file *os.File) error {
	_, err := one(ctx, name, &request{Capture: &captureRequest{File: file.Name(), Stay: true}}, file)
	return err
}

// Record captures at every host into the file until ctx or the testbed ends.
// It calls started once the capture runs.
func Record(ctx context.Context, name string, file *os.File, started func()) (*Capture, error) {
	p, err := connect(name)
	if err != nil {
		return nil, err
	}
	defer p.conn.Close()
	if _, err := p.ask(&request{Capture: &captureRequest{File: file.Name()}}, file); err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(name), err)
	}
	started()
	stop := context.AfterFunc(ctx, func() { p.out.Encode(&order{Stop: true}) })
	defer stop()
	r, err := p.next()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(name), err)
	}
	return r.Capture, nil
}

// leaveGrace is what the processes may take to be gone after their last word,
// in milliseconds.
const leaveGrace = 5000

// Down ends a testbed and returns how it did. Afterwards none of its
// processes is left. A socket that a killed testbed left behind goes too.
func Down(ctx context.Context, name string) (*Status, error) {
	p, err := connect(name)
	if err != nil {
		if path, e := socketPath(name); e == nil && errors.Is(err, ErrDown) {
			os.Remove(path)
		}
		return nil, err
	}
	defer p.conn.Close()
	init := -1
	if cred, err := credentials(p.conn); err == nil && cred.Pid > 0 {
		init, _ = unix.PidfdOpen(int(cred.Pid), 0)
	}
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	r, err := p.ask(&request{Down: &struct{}{}})
	if init >= 0 && ctx.Err() == nil {
		if late := awaitExit(init, leaveGrace); late != nil {
			return nil, fmt.Errorf("%s: its processes do not end: %w", quoted(name), late)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(name), err)
	}
	return r.Status, nil
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate a descriptor: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
