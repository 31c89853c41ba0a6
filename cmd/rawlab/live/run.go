package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"rawlab/capture"
)

// Config says what is shown. Source, Title and Output are needed.
type Config struct {
	Source capture.Source
	Title  string // what is captured: an interface or a file
	Filter string // what the source leaves out already; it is shown, not applied
	Count  int    // take this many packets; 0 means no limit
	Limits Limits

	// Match tells which packets of the source are taken; nil takes all.
	Match func(*capture.Packet) (bool, error)
	// Stats tells what the kernel counted; nil if nobody did.
	Stats func() (capture.Stats, error)

	// Pipe says that the source reads a pipe. Nothing ends a read that waits
	// there, so Run returns without it, and the process has to end soon.
	Pipe bool

	Input  io.Reader // keys; nil is the terminal that the process has
	Output *os.File  // the terminal
}

// ErrNoTerminal says that there is no terminal to draw on.
var ErrNoTerminal = errors.New("the live view draws on a terminal, and stdout is none: leave out --live, or the pipe or file behind it")

// Terminal returns the terminal that output is, or why it cannot be drawn on.
func Terminal(output io.Writer) (*os.File, error) {
	file, ok := output.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, ErrNoTerminal
	}
	if os.Getenv("TERM") == "dumb" {
		return nil, errors.New("the live view moves the cursor, and TERM=dumb says that this terminal cannot: leave out --live")
	}
	return file, nil
}

// redrawEvery is how often packets that come change the screen.
const redrawEvery = 100 * time.Millisecond

// Run shows the capture until the user quits or ctx is done, neither of which
// is an error, and returns how many packets there were. The source is read to
// its end while the user looks; why it ended early is returned at the end.
// The terminal is as it was before when Run returns.
func Run(ctx context.Context, config *Config) (int, error) {
	s := newStore(config.Limits)
	reading, stop := context.WithCancel(ctx)
	changed := make(chan struct{}, 1) // one: what changed is looked up, not told
	options := []tea.ProgramOption{tea.WithOutput(config.Output), tea.WithoutSignalHandler()}
	if config.Input != nil {
		options = append(options, tea.WithInput(config.Input))
	}
	program := tea.NewProgram(newModel(s, config), options...)
	var reader, wg sync.WaitGroup
	reader.Go(func() { read(reading, s, config, changed) })
	wg.Go(func() { redraw(reading, changed, program.Send) })
	defer context.AfterFunc(ctx, program.Quit)() // as if the user had, so that the terminal is left in good order
	_, err := program.Run()
	stop()
	wg.Wait()
	if !config.Pipe {
		reader.Wait()
	}
	s.Lock()
	defer s.Unlock()
	if err != nil {
		return s.total, fmt.Errorf("live view: %w", err)
	}
	return s.total, s.err
}

// read adds what the source gives to the store.
func read(ctx context.Context, s *store, config *Config, changed chan<- struct{}) {
	for {
		batch, err := config.Source.Read(ctx)
		s.Lock()
		if err == nil {
			err = s.take(batch, config)
		}
		if err != nil {
			s.ended = true
			if !errors.Is(err, io.EOF) && !errors.Is(err, ctx.Err()) {
				s.err = err
			}
		}
		s.Unlock()
		select {
		case changed <- struct{}{}:
		default: // it is told already
		}
		if err != nil {
			return
		}
	}
}

// take adds a batch of packets; io.EOF says that there are enough.
func (s *store) take(batch []capture.Packet, config *Config) error {
	s.interfaces = config.Source.Interfaces()
	for i := range batch {
		if config.Match != nil {
			if ok, err := config.Match(&batch[i]); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		s.add(&batch[i])
		if s.total == config.Count {
			return io.EOF
		}
	}
	return nil
}

// changedMsg says that there is something new in the store.
type changedMsg struct{}

// redraw tells the screen of changes, but not of each.
func redraw(ctx context.Context, changed <-chan struct{}, send func(tea.Msg)) {
	pause := time.NewTicker(redrawEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			send(changedMsg{})
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}
