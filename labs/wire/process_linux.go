package wire

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
)

// process is a child that obeys requests. It is safe for concurrent use.
type process struct {
	cmd     *exec.Cmd
	in, out *os.File // our ends of its pipes
	leaving atomic.Bool
	ended   chan struct{} // closed when it has ended
	why     error         // of an end that nobody asked for, or that went wrong; read after ended

	mu  sync.Mutex // of a question and its answer
	enc *gob.Encoder
	dec *gob.Decoder
}

// DeathError says that a wire's process ended although nobody asked it to.
type DeathError struct {
	PID int
	How string // as [os.ProcessState] tells it
}

func (e *DeathError) Error() string {
	return fmt.Sprintf("the wire's process (pid %d) died: %s", e.PID, e.How)
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

// Set does as [Wire.Set].
func (p *Process) Set(seed uint64, impairments [2]Impairment) error {
	_, err := p.ask(&request{Set: true, Seed: seed, Impairments: impairments})
	return err
}

// Translate does as [Wire.Translate].
func (p *Process) Translate(list []Translation) error {
	_, err := p.ask(&request{Translate: true, Translations: list})
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

func (p *process) start(env string, files []*os.File, first *request) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the lab's to handle
	theirIn, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("wire: %w", err), theirIn.Close(), in.Close())
	}
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	err = cmd.Start()
	if err = errors.Join(err, theirIn.Close(), theirOut.Close()); err != nil {
		return errors.Join(fmt.Errorf("wire: start process: %w", err), in.Close(), out.Close())
	}
	p.cmd, p.in, p.out, p.ended = cmd, in, out, make(chan struct{})
	p.enc, p.dec = gob.NewEncoder(in), gob.NewDecoder(out)
	go p.await()
	if _, err := p.ask(first); err != nil {
		return errors.Join(err, p.Close())
	}
	return nil
}

// await notes how the process ends.
func (p *process) await() {
	err := p.cmd.Wait()
	if err != nil || !p.leaving.Load() {
		p.why = &DeathError{PID: p.PID(), How: p.cmd.ProcessState.String()}
	}
	close(p.ended)
}

// OnDeath calls f, in a goroutine of its own, if the process ends before it
// is asked to, with a [*DeathError].
func (p *process) OnDeath(f func(error)) {
	go func() {
		<-p.ended
		if p.why != nil && !p.leaving.Load() {
			f(p.why)
		}
	}()
}

func (p *process) ask(q *request) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reply
	if q.Stop {
		p.leaving.Store(true)
	}
	if err := p.enc.Encode(q); err != nil {
		return r, p.gone(err)
	}
	if err := p.dec.Decode(&r); err != nil {
		return r, p.gone(err)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// gone says why a question has no answer. Its pipes end when the process does.
func (p *process) gone(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("wire: its process: %w", err)
	}
	<-p.ended
	if p.why != nil {
		return p.why
	}
	return errors.New("wire: its process has ended")
}

// PID names the process.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Close ends the process, if it has not ended, and waits for it.
func (p *process) Close() error {
	p.leaving.Store(true)
	p.in.Close() // the process ends when its input does
	<-p.ended
	p.out.Close()
	return p.why
}
