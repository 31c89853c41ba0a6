package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// exec runs a program for a client and stays until it has ended.
func (k *keeper) exec(p *peer, q *execRequest, files []*os.File) error {
	h, err := k.host(q.Host)
	if err != nil {
		return err
	}
	cmd := command(q, files)
	start := func() error { return h.Start(cmd, k.rooms[h.Name].enter) }
	if err := k.programs.start(h.Name, q.Command, cmd, start); err != nil {
		return startError(q, err)
	}
	for _, f := range files { // or a pipe's other end would never see its end
		f.Close()
	}
	ended := make(chan struct{})
	left := make(chan struct{})
	go relaySignals(p, cmd, left)
	go usher(cmd, left, ended)
	started := p.out.Encode(&reply{Started: true})
	err = cmd.Wait()
	close(ended)
	k.programs.remove(cmd.Process.Pid)
	if started != nil {
		return started
	}
	code, err := exitCode(err)
	if err != nil {
		return err
	}
	return p.out.Encode(&reply{Ended: true, Code: code})
}

func command(q *execRequest, files []*os.File) *exec.Cmd {
	cmd := &exec.Cmd{Path: q.Path, Args: q.Command, Env: q.Environment, Dir: q.Folder}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: q.Terminal}
	return cmd
}

// startError says which of both was wrong, the program or the folder.
func startError(q *execRequest, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Op == "chdir" {
		return fmt.Errorf("run %s: folder %s: %w", q.Command[0], q.Folder, e.Err)
	}
	return fmt.Errorf("run %s: %w", q.Command[0], err)
}

// exitCode is as in a shell: 128 and the signal's number for one that ended
// the program.
func exitCode(err error) (int, error) {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return 0, err
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// relaySignals passes the client's signals to the program's process group
// until the client leaves.
func relaySignals(p *peer, cmd *exec.Cmd, left chan<- struct{}) {
	defer close(left)
	for {
		var o order
		if err := p.in.Decode(&o); err != nil {
			return
		}
		if o.Signal > 0 {
			syscall.Kill(-cmd.Process.Pid, syscall.Signal(o.Signal))
		}
	}
}

// usher sees a program out whose client has left, as a terminal would that
// was closed, and then less politely.
func usher(cmd *exec.Cmd, left, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-left:
	}
	for _, step := range []struct {
		signal syscall.Signal
		grace  time.Duration
	}{{syscall.SIGHUP, hangupGrace}, {syscall.SIGTERM, terminateGrace}, {syscall.SIGKILL, 0}} {
		select {
		case <-ended:
			return
		default:
			syscall.Kill(-cmd.Process.Pid, step.signal)
		}
		select {
		case <-ended:
			return
		case <-time.After(step.grace):
		}
	}
}
