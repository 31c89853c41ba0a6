package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Descriptors that processes of a testbed hand on: the line to 'up', and the
// socket.
const (
	lineFD   = 3
	socketFD = 4
)

// RunInit is the first process of a testbed's namespaces. It listens on the
// socket, for its process id is then what clients see there, starts the
// keeper with argv as its arguments, reaps what nobody else does, and ends
// with the keeper.
func RunInit(ctx context.Context, socket string, argv []string) error {
	line := os.NewFile(lineFD, "line")
	if err := mountOwn(); err != nil {
		return report(line, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return report(line, err)
	}
	l.SetUnlinkOnClose(false) // while it is there, the name is taken: first the file goes, then the socket
	defer l.Close()
	defer os.Remove(socket)
	file, err := l.File()
	if err != nil {
		return report(line, err)
	}
	keeper, err := os.StartProcess("/proc/self/exe", append([]string{"rawlab"}, argv...), &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, line, file},
	})
	if err != nil {
		return report(line, fmt.Errorf("testbed: start: %w", err))
	}
	stop := context.AfterFunc(ctx, func() { keeper.Signal(syscall.SIGTERM) })
	defer stop()
	err = errors.Join(line.Close(), file.Close())
	quietStderr()
	return errors.Join(err, reap(keeper.Pid))
}

// quietStderr lets go of the pipe to 'up': writing to it would end this
// process once nobody reads there.
func quietStderr() { unix.Dup3(0, 2, 0) }

// reap waits for every process that ends, until the keeper does.
func reap(keeper int) error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("testbed: wait: %w", err)
		case pid == keeper && status.Exited() && status.ExitStatus() == 0:
			return nil
		case pid == keeper && status.Exited():
			return fmt.Errorf("testbed: its keeper ended with exit code %d", status.ExitStatus())
		case pid == keeper:
			return fmt.Errorf("testbed: its keeper ended by signal: %v", status.Signal())
		}
	}
}

// mountOwn lets /proc show the processes of the testbed. Where the machine
// refuses that, as inside some containers, programs see the outer ones.
func mountOwn() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("testbed: mounts of its own: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("testbed: /proc: %w", err)
	}
	return nil
}
