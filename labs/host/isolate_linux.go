package host

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolatedEnv marks a process that Isolate started.
const isolatedEnv = "RAWLAB_ISOLATED"

// Isolated reports whether this process already has namespaces of its own.
func Isolated() bool { return os.Getenv(isolatedEnv) != "" }

// Isolate runs this program again, with argv as its arguments, in new user,
// network and mount namespaces, in which it may make interfaces, hosts and
// captures whoever the user is. It waits for the end and returns the exit
// code. Where the kernel refuses, the error is an [*IsolationError].
//
// When ctx ends, the inner process is asked to end by SIGTERM; it may get the
// terminal's SIGINT as well, and must take both as one. If this process dies,
// the kernel ends the inner one.
func Isolate(ctx context.Context, argv []string) (int, error) {
	return isolate(ctx, argv, startIsolated)
}

// IsolateAsRoot is Isolate without a user namespace: the process keeps root's
// rights over the machine, which reading the kernel's memory takes.
func IsolateAsRoot(ctx context.Context, argv []string) (int, error) {
	return isolate(ctx, argv, func(argv []string, env ...string) (*exec.Cmd, error) {
		cmd := isolatedCommand(argv, syscall.CLONE_NEWNET|syscall.CLONE_NEWNS, env)
		if err := cmd.Start(); err != nil {
			return nil, &IsolationError{Err: err}
		}
		return cmd, nil
	})
}

func isolate(ctx context.Context, argv []string, start func([]string, ...string) (*exec.Cmd, error)) (int, error) {
	runtime.LockOSThread() // Pdeathsig fires when the parent thread ends
	defer runtime.UnlockOSThread()
	cmd, err := start(argv)
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return exitCode(cmd, "the process with the hosts")
}

// startIsolated starts the inner process; root without the right to user
// namespaces needs none.
func startIsolated(argv []string, env ...string) (*exec.Cmd, error) {
	const user = syscall.CLONE_NEWUSER
	const net = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	cmd := isolatedCommand(argv, user|net, env)
	err := cmd.Start()
	if err != nil && os.Geteuid() == 0 {
		cmd = isolatedCommand(argv, net, env)
		err = cmd.Start()
	}
	if err != nil {
		return nil, &IsolationError{Err: err}
	}
	return cmd, nil
}

func isolatedCommand(argv []string, flags uintptr, env []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", argv...)
	cmd.Env = append(append(os.Environ(), isolatedEnv+"=1"), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// CanIsolate tells whether Isolate would succeed here, by trying.
func CanIsolate() error {
	cmd, err := startIsolated(nil, probeEnv+"=1")
	if err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return &IsolationError{Err: err}
	}
	return nil
}

const probeEnv = "RAWLAB_PROBE"

// probe is what the process that CanIsolate starts does: try one thing that
// only the owner of a network namespace may do.
func probe() int {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 1
	}
	unix.Close(fd)
	return 0
}
