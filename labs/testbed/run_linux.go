package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Run runs a program on a host of a testbed, with this process's input,
// output, errors, environment, folder and signals, and returns its exit code.
func Run(name, hostName string, command []string) (int, error) {
	p, err := connect(name)
	if err != nil {
		return 0, err
	}
	defer p.conn.Close()
	path, err := exec.LookPath(command[0])
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return 0, fmt.Errorf("%s: %w", command[0], e.Err)
	} else if err != nil {
		return 0, err
	}
	folder, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	q := &execRequest{
		Host: hostName, Path: path, Command: command, Folder: folder,
		Environment: append(os.Environ(), "RAWLAB_NET="+name, "RAWLAB_HOST="+hostName),
	}
	run := runAttached
	if onTerminal() {
		run = runOnTerminal
	}
	code, err := run(p, q)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", quoted(name), err)
	}
	return code, nil
}

// onTerminal tells whether input and output are a terminal that this process
// may use now.
func onTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) && !inBackground()
}

// inBackground tells whether standard input is a terminal in whose background
// this process is; reading from it would stop it.
func inBackground() bool {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group != unix.Getpgrp()
}

// relayed are the signals that a program gets instead of its relay.
var relayed = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
}

// runAttached hands the descriptors to the program as they are.
func runAttached(p *peer, q *execRequest) (int, error) {
	stdin := os.Stdin
	if inBackground() {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return 0, err
		}
		defer null.Close()
		stdin = null // as a shell does for what it starts in the background
	}
	came := catch(relayed)
	defer signal.Stop(came)
	if _, err := p.ask(&request{Exec: q}, stdin, os.Stdout, os.Stderr); err != nil {
		return 0, err
	}
	defer p.relaySignals(came)()
	r, err := p.next()
	if err != nil {
		return 0, err
	}
	return r.Code, nil
}

// catch keeps signals from this process, for the program that it is about to
// start.
func catch(signals []os.Signal) chan os.Signal {
	came := make(chan os.Signal, 8) // more at once than a person sends
	signal.Notify(came, signals...)
	return came
}

// relaySignals passes the signals that came on to the program, which runs,
// until stop is called.
func (p *peer) relaySignals(came <-chan os.Signal) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case s := <-came:
				if number, ok := s.(syscall.Signal); ok {
					p.out.Encode(&order{Signal: int(number)})
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// withoutWindow is relayed for a program whose terminal tells it its size.
func withoutWindow() []os.Signal {
	return slices.DeleteFunc(slices.Clone(relayed), func(s os.Signal) bool { return s == syscall.SIGWINCH })
}
