package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

// What a command gets to end by itself, once we are interrupted (a terminal
// interrupts it as well), and then, once it was told to.
const (
	interruptGrace = time.Second
	terminateGrace = 5 * time.Second
)

// raiseLoopback sets up the private network's only interface.
func raiseLoopback() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// captureCommand captures, as take does, for as long as the command runs, and
// returns its exit code. The capture goes on while an interrupted command
// ends, so that its last words are in it.
func captureCommand(ctx context.Context, t *tap, cmd *exec.Cmd, take func(context.Context) (int, error)) (taken, code int, err error) {
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("capture: %w", err)
	}
	ended := make(chan struct{})
	enough, cancel := context.WithCancel(context.Background())
	var end error
	var wg sync.WaitGroup
	wg.Go(func() {
		end = cmd.Wait()
		close(ended)
		t.stop()
	})
	wg.Go(func() { usher(ctx, enough, cmd, ended) })
	taken, err = take(context.WithoutCancel(ctx))
	unwanted := false
	select {
	case <-ended:
		unwanted = ctx.Err() == nil
	default: // -c was reached, or the output failed
	}
	cancel()
	wg.Wait()
	code, endErr := exitCodeOf(end, unwanted)
	return taken, code, errors.Join(err, endErr)
}

// usher sees a command out: told to at once when there is enough, after a
// grace when ctx is done, for then it probably knows.
func usher(ctx, enough context.Context, cmd *exec.Cmd, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-enough.Done():
	case <-ctx.Done():
		select {
		case <-ended:
			return
		case <-enough.Done():
		case <-time.After(interruptGrace):
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(terminateGrace):
		cmd.Process.Kill()
	}
}

// exitCodeOf returns the command's exit code. A signal's end counts as 128
// and its number, as in a shell, where it was unwanted.
func exitCodeOf(err error, unwanted bool) (int, error) {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return 0, err
	}
	if exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && unwanted {
		return 128 + int(status.Signal()), nil
	}
	return 0, nil
}
