package labs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"rawlab/internal/clock"
	"rawlab/labs/host"
)

// RunRole makes this process what a parent started it as, if it was started by
// a lab or by its hosts. Programs and test binaries that run labs call it first
// in main. It does not return in such a process.
func RunRole() {
	if orders := os.Getenv(host.ServerEnv); orders != "" {
		os.Exit(serveMortal(orders))
	}
	host.RunRole()
}

// serverOrders are what a server's process is told at its start, as JSON in
// its environment.
type serverOrders struct {
	Address, Folder string
	Epoch           uint64
}

// Then its parent writes a line for each wish to its standard input. When that
// ends, so does the process: nobody is left to kill it.
const (
	wishBefore = "die before you store the next event"
	wishAfter  = "die after you have stored the next event"
	wishKnown  = "how many events did you know again?"
)

// serverWords are what it says, a line of JSON each.
type serverWords struct {
	Done    bool      // it listens, or what was wished for is so
	Dying   bool      // its last words
	Victims []eventID // had, and not stored
	Known   uint64    // events that came again, and were known
	Error   string
}

// serveMortal is the server's process.
func serveMortal(orders string) int {
	signal.Ignore(os.Interrupt) // a terminal sends it to all; the parent alone heeds it
	var say sync.Mutex
	out := json.NewEncoder(os.Stdout)
	tell := func(w serverWords) {
		say.Lock()
		defer say.Unlock()
		out.Encode(w) // a parent that is gone is noticed below
	}
	var o serverOrders
	if err := json.Unmarshal([]byte(orders), &o); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", host.ServerEnv, err)
		return 1
	}
	if err := o.serve(tell); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (o *serverOrders) serve(tell func(serverWords)) error {
	v, err := openFolder(o.Folder, clock.Real)
	if err != nil {
		return err
	}
	server, store, err := newMortal(clock.Real, v, o.Epoch)
	if err != nil {
		return err
	}
	store.die = func() {
		tell(serverWords{Dying: true, Victims: store.victims, Known: server.Stats().Duplicates})
		killOneself()
	}
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	l, err := c.Listen(context.Background(), "tcp", o.Address)
	if err != nil {
		return errors.Join(err, v.Abandon())
	}
	failed := make(chan error, 1) // the one answer of Serve
	go func() { failed <- server.Serve(context.Background(), l) }()
	tell(serverWords{Done: true})
	wishes := bufio.NewScanner(os.Stdin)
	for wishes.Scan() {
		w := serverWords{Done: true}
		switch wishes.Text() {
		case wishBefore:
			err = store.arm(context.Background(), dieBeforeStore)
		case wishAfter:
			err = store.arm(context.Background(), dieAfterStore)
		case wishKnown:
			w.Known = server.Stats().Duplicates
		}
		if err != nil {
			w = serverWords{Error: err.Error()}
		}
		tell(w)
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// killOneself ends the process where it stands: no deferred call, no exit
// handler, no buffer flushed (signal(7): SIGKILL cannot be caught).
func killOneself() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill()
	}
	select {} // until it takes effect
}

// starter is a host on which processes can be started.
type starter interface {
	Start(cmd *exec.Cmd, enter func() error) error
}

// serverProcess is a life in a process of its own.
type serverProcess struct {
	cmd    *exec.Cmd
	wishes io.WriteCloser
	words  chan serverWords // as they come; closed at its end
	stderr bytes.Buffer
	last   serverWords // its last words
	over   bool        // it has ended, and been waited for
}

// startServerProcess starts a server on its host and waits until it listens.
func startServerProcess(ctx context.Context, b *bench, folder string) (serverLife, error) {
	at, ok := b.network.Server().(starter)
	if !ok {
		return nil, fmt.Errorf("no process can be started on %T", b.network.Server())
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("which program is this: %w", err)
	}
	orders, err := json.Marshal(serverOrders{Address: b.options.serverAddress(), Folder: folder, Epoch: b.options.Seed})
	if err != nil {
		return nil, err
	}
	p := &serverProcess{cmd: exec.Command(program), words: make(chan serverWords)}
	p.cmd.Env = append(os.Environ(), host.ServerEnv+"="+string(orders))
	p.cmd.Stderr = &p.stderr
	if p.wishes, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := at.Start(p.cmd, nil); err != nil {
		return nil, fmt.Errorf("the server's process: %w", err)
	}
	go p.listen(out)
	if _, err := p.await(ctx); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

// listen hands on what the process says.
func (p *serverProcess) listen(out io.Reader) {
	defer close(p.words)
	for in := json.NewDecoder(out); ; {
		var w serverWords
		if in.Decode(&w) != nil { // its end
			return
		}
		p.words <- w
	}
}

// await returns what the process says next.
func (p *serverProcess) await(ctx context.Context) (serverWords, error) {
	select {
	case w, ok := <-p.words:
		switch {
		case !ok:
			return w, errors.New("the server's process ended without a word")
		case w.Error != "":
			return w, errors.New(w.Error)
		}
		if w.Dying {
			p.last = w
		}
		return w, nil
	case <-ctx.Done():
		return serverWords{}, context.Cause(ctx)
	}
}

// ask wishes for something and waits for the answer.
func (p *serverProcess) ask(ctx context.Context, wish string) (serverWords, error) {
	if _, err := fmt.Fprintln(p.wishes, wish); err != nil {
		return serverWords{}, fmt.Errorf("the server's process: %w", err)
	}
	return p.await(ctx)
}

func (p *serverProcess) arm(ctx context.Context, at deathPoint) error {
	wish := wishBefore
	if at == dieAfterStore {
		wish = wishAfter
	}
	_, err := p.ask(ctx, wish)
	return err
}

func (p *serverProcess) awaitDeath(ctx context.Context) ([]eventID, error) {
	w, err := p.await(ctx)
	if err == nil && !w.Dying {
		err = fmt.Errorf("the server's process said %+v, and did not die", w)
	}
	return w.Victims, errors.Join(err, p.wait())
}

func (p *serverProcess) known() (uint64, error) {
	if p.last.Dying {
		return p.last.Known, nil
	}
	w, err := p.ask(context.Background(), wishKnown) // its end is an answer too
	return w.Known, err
}

func (p *serverProcess) end() error {
	if p.over {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("the server's process: %w", err)
	}
	return p.wait()
}

// wait returns when the process is gone, and an error if anything but
// SIGKILL ended it.
func (p *serverProcess) wait() error {
	if p.over {
		return nil
	}
	p.over = true
	for range p.words { // to the end, before Wait closes the pipe
	}
	p.wishes.Close()
	err := p.cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if ok {
		if status, is := exit.Sys().(syscall.WaitStatus); is && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return nil
		}
	}
	return fmt.Errorf("the server's process was to be killed, and ended so: %v; it said: %s", p.cmd.ProcessState, bytes.TrimSpace(p.stderr.Bytes()))
}
