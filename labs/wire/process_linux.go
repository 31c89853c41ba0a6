package wire

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// The wire runs in a process of its own, so that nothing the lab does, its
// garbage collection least of all, delays a packet. Requests and replies
// travel as gob over the process's standard input and output.

type request struct {
	Start       *startRequest
	Set         bool
	Seed        uint64
	Impairments [2]Impairment
	Stop        bool
}

type startRequest struct {
	Interfaces  [2]string
	Impairments [2]Impairment
	Seed        uint64
	Forget      bool
}

type reply struct {
	Err   string
	Stats [2]Stats
	Rows  [2][]Row // only the answer to Stop
}

// Serve is the wire's process: it obeys requests from r until r ends or a
// stop is asked for.
func Serve(r io.Reader, w io.Writer, identify Identify) error {
	in, out := gob.NewDecoder(r), gob.NewEncoder(w)
	var wire *Wire
	for {
		var q request
		if err := in.Decode(&q); err != nil {
			if wire != nil {
				wire.Stop()
			}
			return err
		}
		var p reply
		switch {
		case q.Start != nil:
			c := Config{Interfaces: q.Start.Interfaces, Impairments: q.Start.Impairments, Seed: q.Start.Seed, Forget: q.Start.Forget, Identify: identify}
			w, err := Start(&c)
			wire = w
			p.Err = text(err)
		case wire == nil:
			p.Err = "wire: not started"
		case q.Set:
			p.Err = text(wire.Set(q.Seed, q.Impairments))
		case q.Stop:
			p.Stats = wire.Stats()
			p.Rows = wire.Stop()
		default:
			p.Stats = wire.Stats()
		}
		if err := out.Encode(&p); err != nil {
			return err
		}
		if q.Stop {
			return nil
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Process is a wire in a process of its own. It is safe for concurrent use.
type Process struct {
	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *gob.Decoder
	enc *gob.Encoder
}

// StartProcess starts a wire in a new process, in the caller's network
// namespace. The process runs this program again with env set in addition,
// which must make it call [Serve] on its standard input and output.
func StartProcess(c *Config, env string) (*Process, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the lab's to handle
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("wire: start process: %w", err)
	}
	p := &Process{cmd: cmd, in: in, out: gob.NewDecoder(out), enc: gob.NewEncoder(in)}
	start := &startRequest{Interfaces: c.Interfaces, Impairments: c.Impairments, Seed: c.Seed, Forget: c.Forget}
	if _, err := p.ask(request{Start: start}); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Process) ask(q request) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reply
	if err := p.enc.Encode(&q); err != nil {
		return r, fmt.Errorf("wire: its process is gone: %w", err)
	}
	if err := p.out.Decode(&r); err != nil {
		return r, fmt.Errorf("wire: its process is gone: %w", err)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// PID names the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Set does as [Wire.Set].
func (p *Process) Set(seed uint64, impairments [2]Impairment) error {
	_, err := p.ask(request{Set: true, Seed: seed, Impairments: impairments})
	return err
}

// Stats does as [Wire.Stats].
func (p *Process) Stats() ([2]Stats, error) {
	r, err := p.ask(request{})
	return r.Stats, err
}

// Stop ends the wire and returns its ledger by direction, with the last
// counters.
func (p *Process) Stop() ([2][]Row, [2]Stats, error) {
	r, err := p.ask(request{Stop: true})
	return r.Rows, r.Stats, errors.Join(err, p.Close())
}

// Close ends the process, if it has not ended, and waits for it.
func (p *Process) Close() error {
	p.in.Close() // the process ends when its input does
	err := p.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("wire: its process ended by %w", err)
	}
	return nil
}
