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
	StartSwitch *SwitchConfig
	Set         bool
	Seed        uint64
	Impairments [2]Impairment // of a switch's link: up and down
	Link        int           // of a switch, for Set
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
	Links []LinkStats
	Taken []LinkRows // only the answer to Stop
}

// carrier is a wire or a switch, as its process sees it.
type carrier interface {
	obey(q *request, p *reply) error // Set, Stop, or tell the counters
}

// Serve is the wire's process, or the switch's: it obeys requests from r
// until r ends or a stop is asked for. See [Config] for identify and hold.
func Serve(r io.Reader, w io.Writer, identify Identify, hold func(port int, stop bool)) error {
	in, out := gob.NewDecoder(r), gob.NewEncoder(w)
	var c carrier
	for {
		var q request
		if err := in.Decode(&q); err != nil {
			if c != nil {
				c.obey(&request{Stop: true}, &reply{})
			}
			return err
		}
		var p reply
		var err error
		switch {
		case q.Start != nil || q.StartSwitch != nil:
			c, err = begin(&q, identify, hold)
		case c == nil:
			err = errors.New("wire: not started")
		default:
			err = c.obey(&q, &p)
		}
		p.Err = text(err)
		if err := out.Encode(&p); err != nil {
			return err
		}
		if q.Stop {
			return nil
		}
	}
}

// begin starts what a request asks for.
func begin(q *request, identify Identify, hold func(port int, stop bool)) (carrier, error) {
	if q.StartSwitch != nil {
		q.StartSwitch.Identify, q.StartSwitch.Hold = identify, hold
		s, err := StartSwitch(q.StartSwitch)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	w, err := Start(&Config{
		Interfaces: q.Start.Interfaces, Impairments: q.Start.Impairments, Seed: q.Start.Seed,
		Forget: q.Start.Forget, Identify: identify, Hold: hold,
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Wire) obey(q *request, p *reply) error {
	if q.Set {
		return w.Set(q.Seed, q.Impairments)
	}
	p.Stats = w.Stats()
	if q.Stop {
		p.Rows = w.Stop()
	}
	return nil
}

func (s *Switch) obey(q *request, p *reply) error {
	if q.Set {
		return s.Set(q.Link, q.Seed, q.Impairments[0], q.Impairments[1])
	}
	p.Links = s.Stats()
	if q.Stop {
		p.Taken = s.Stop()
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// process is a child that obeys requests. It is safe for concurrent use.
type process struct {
	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *gob.Decoder
	enc *gob.Encoder
}

// Process is a wire in a process of its own. It is safe for concurrent use.
type Process struct{ process }

// SwitchProcess is a switch in a process of its own. It is safe for
// concurrent use.
type SwitchProcess struct{ process }

// StartProcess starts a wire in a new process, in the caller's network
// namespace. The process runs this program again with env set in addition,
// which must make it call [Serve] on its standard input and output. It finds
// the files to inherit from descriptor 3 on.
func StartProcess(c *Config, env string, inherit ...*os.File) (*Process, error) {
	p := &Process{}
	start := &startRequest{Interfaces: c.Interfaces, Impairments: c.Impairments, Seed: c.Seed, Forget: c.Forget}
	if err := p.start(env, inherit, &request{Start: start}); err != nil {
		return nil, err
	}
	return p, nil
}

// StartSwitchProcess starts a switch in a new process, as [StartProcess] does
// a wire.
func StartSwitchProcess(c *SwitchConfig, env string, inherit ...*os.File) (*SwitchProcess, error) {
	p := &SwitchProcess{}
	bare := *c
	bare.Identify, bare.Hold = nil, nil // the process has its own
	if err := p.start(env, inherit, &request{StartSwitch: &bare}); err != nil {
		return nil, err
	}
	return p, nil
}

// Set does as [Switch.Set].
func (p *SwitchProcess) Set(link int, seed uint64, up, down Impairment) error {
	_, err := p.ask(&request{Set: true, Link: link, Seed: seed, Impairments: [2]Impairment{up, down}})
	return err
}

// Stats does as [Switch.Stats].
func (p *SwitchProcess) Stats() ([]LinkStats, error) {
	r, err := p.ask(&request{})
	return r.Links, err
}

// Stop ends the switch and returns the ledgers of every link, with the last
// counters.
func (p *SwitchProcess) Stop() ([]LinkRows, []LinkStats, error) {
	r, err := p.ask(&request{Stop: true})
	return r.Taken, r.Links, errors.Join(err, p.Close())
}

func (p *process) start(env string, files []*os.File, first *request) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the lab's to handle
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("wire: start process: %w", err)
	}
	p.cmd, p.in, p.out, p.enc = cmd, in, gob.NewDecoder(out), gob.NewEncoder(in)
	if _, err := p.ask(first); err != nil {
		return errors.Join(err, p.Close())
	}
	return nil
}

func (p *process) ask(q *request) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reply
	if err := p.enc.Encode(q); err != nil {
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
func (p *process) PID() int { return p.cmd.Process.Pid }

// Set does as [Wire.Set].
func (p *Process) Set(seed uint64, impairments [2]Impairment) error {
	_, err := p.ask(&request{Set: true, Seed: seed, Impairments: impairments})
	return err
}

// Stats does as [Wire.Stats].
func (p *Process) Stats() ([2]Stats, error) {
	r, err := p.ask(&request{})
	return r.Stats, err
}

// Stop ends the wire and returns its ledger by direction, with the last
// counters.
func (p *Process) Stop() ([2][]Row, [2]Stats, error) {
	r, err := p.ask(&request{Stop: true})
	return r.Rows, r.Stats, errors.Join(err, p.Close())
}

// Close ends the process, if it has not ended, and waits for it.
func (p *process) Close() error {
	p.in.Close() // the process ends when its input does
	err := p.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("wire: its process ended by %w", err)
	}
	return nil
}
