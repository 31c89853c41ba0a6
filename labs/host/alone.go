package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
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
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() < 0 {
		return 0, fmt.Errorf("the process with the virtual hosts (pid %d) died: %w", cmd.Process.Pid, err)
	} else if ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}
