package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// aloneEnv marks a process that RunAlone started.
const aloneEnv = "RAWLAB_ALONE"

// Alone reports whether this process was started by RunAlone, to run virtual
// labs and do nothing else.
func Alone() bool { return os.Getenv(aloneEnv) != "" }

// grace is how long a process may take to end where it cannot be asked to.
const grace = 3 * time.Second

// RunAlone runs this program again, with argv as its arguments, in a process
// that has nothing else to do than to run virtual labs: virtual time passes
// only while every goroutine of its process is at rest. It waits for the end
// and returns the exit code. When ctx ends, the process is asked to end, or
// ended where the system knows no asking.
func RunAlone(ctx context.Context, argv []string) (int, error) {
	program, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("virtual hosts: which program is this: %w", err)
	}
	runtime.LockOSThread() // a parent's death is told when the thread ends that started the child
	defer runtime.UnlockOSThread()
	cmd := exec.Command(program, argv...)
	cmd.Env = append(os.Environ(), aloneEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("virtual hosts: a process of their own: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		if cmd.Process.Signal(os.Interrupt) != nil { // on Windows the console has asked it already
			time.AfterFunc(grace, func() { cmd.Process.Kill() })
		}
	})
	defer stop()
	return exitCode(cmd, "the process with the virtual hosts")
}

// exitCode waits for a process that does this one's work. One that nobody
// reads any more, as of a pipe into head, has the exit code that a shell tells
// of it, 128 + SIGPIPE.
func exitCode(cmd *exec.Cmd, title string) (int, error) {
	err := cmd.Wait()
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case !ended:
		return 0, err
	case exit.ExitCode() >= 0:
		return exit.ExitCode(), nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGPIPE {
		return 128 + int(syscall.SIGPIPE), nil
	}
	return 0, fmt.Errorf("%s (pid %d) died: %w", title, cmd.Process.Pid, err)
}
