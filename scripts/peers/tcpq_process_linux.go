package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child that answers in lines.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// start runs a program whose standard output is read by line.
func start(ctx context.Context, command ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left, however this program ends
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, in, bufio.NewScanner(out)}, cmd.Start()
}

// line waits for the next line of answer, as words.
func (p *process) line() ([]string, error) {
	if !p.lines.Scan() {
		return nil, fmt.Errorf("%s ended without an answer: %w", strings.Join(p.cmd.Args, " "), errors.Join(p.lines.Err(), p.cmd.Wait()))
	}
	return strings.Fields(p.lines.Text()), nil
}

func (p *process) number() (float64, error) {
	words, err := p.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(words[0], 64)
}

// end closes the standard input and waits for the end, which it may hasten.
func (p *process) end() {
	p.in.Close()
	done := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer done.Stop()
	p.cmd.Wait()
}

// stop ends a server, which has no standard input to end with.
func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	p.end()
}

// side is how one of those compared is used: its server and its clients.
type side struct {
	name    string
	server  []*process
	publish func(size int, lasting time.Duration) []string // the client's command
	counts  []string
	answer  []string
	ask     func(count int) []string
	idle    []string
}

// fanOut measures events delivered per second from one publisher to some
// subscribers, each in a process of its own. With exact, each subscriber must
// get every event.
func (s *side) fanOut(size, subscribers int, lasting time.Duration, exact bool) func(context.Context) (float64, error) {
	return func(ctx context.Context) (perSecond float64, err error) {
		var subs []*process
		defer func() {
			for _, p := range subs {
				p.end()
			}
		}()
		for range subscribers {
			p, err := start(ctx, s.counts...)
			if err != nil {
				return 0, err
			}
			subs = append(subs, p)
			if _, err := p.line(); err != nil {
				return 0, err
			}
		}
		publisher, err := start(ctx, s.publish(size, lasting)...)
		if err != nil {
			return 0, err
		}
		defer publisher.end()
		published, err := publisher.number()
		if err != nil {
			return 0, err
		}
		for _, p := range subs {
			fmt.Fprintf(p.in, "%.0f\n", published)
		}
		for _, p := range subs {
			words, err := p.line()
			if err != nil {
				return 0, err
			}
			var came, seconds float64
			if _, err := fmt.Sscan(strings.Join(words, " "), &came, &seconds); err != nil {
				return 0, err
			}
			switch {
			case came == published:
			case exact:
				return 0, fmt.Errorf("%.0f of %.0f events came", came, published)
			default:
				fmt.Fprintf(os.Stderr, "%s lost %.0f of %.0f\n", s.name, published-came, published)
			}
			perSecond += came / seconds
		}
		return perSecond, nil
	}
}

// roundTrip measures the median time of a question and its answer in
// microseconds, everybody on one CPU.
func (s *side) roundTrip(count int) func(context.Context) (float64, error) {
	return func(ctx context.Context) (µs float64, err error) {
		answerer, err := start(ctx, s.answer...)
		if err != nil {
			return 0, err
		}
		defer answerer.end()
		if _, err := answerer.line(); err != nil {
			return 0, err
		}
		pids := []int{os.Getpid(), answerer.cmd.Process.Pid}
		for _, p := range s.server {
			pids = append(pids, p.cmd.Process.Pid)
		}
		err = pinned(pids, func() error {
			asker, err := start(ctx, s.ask(count)...) // which inherits the CPU
			if err != nil {
				return err
			}
			defer asker.end()
			µs, err = asker.number()
			return err
		})
		return µs, err
	}
}
