package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"rawlab/capture"
	"rawlab/cmd/rawlab/live"
)

// view is the full-screen view of a source.
func (f *captureFlags) view(c *cobra.Command, source capture.Source, title string) (*live.Config, error) {
	terminal, err := live.Terminal(c.OutOrStdout())
	return &live.Config{Source: source, Title: title, Filter: f.filter, Count: f.count, Output: terminal}, err
}

// viewFile shows a capture file.
func (f *captureFlags) viewFile(c *cobra.Command, source *capture.File, name string) error {
	config, err := f.view(c, source, filepath.Base(name))
	if err != nil {
		return err
	}
	config.Match = f.matcher(source)
	config.Pipe = f.read == "-"
	_, err = live.Run(c.Context(), config)
	return named(name, err)
}

// viewLive shows a capture on interfaces. A command inside the namespace may
// not write onto the screen: the last of what it says is told at the end.
func (f *captureFlags) viewLive(c *cobra.Command, t *tap, names []string) error {
	config, err := f.view(c, t, strings.Join(names, ", "))
	if err != nil {
		return err
	}
	config.Stats = t.total
	taken, code := 0, 0
	if f.inside {
		var said tail
		command := exec.Command(f.command[0], f.command[1:]...)
		command.Stdout, command.Stderr = &said, &said
		taken, code, err = captureCommand(c.Context(), t, command, func(context.Context) (int, error) { return live.Run(c.Context(), config) })
		c.ErrOrStderr().Write(said.bytes())
	} else {
		taken, err = live.Run(c.Context(), config)
	}
	stats, statsErr := t.total()
	fmt.Fprintln(c.ErrOrStderr(), t.count(taken, stats.Dropped))
	if t.asked != nil {
		err = errors.Join(err, t.asked.printReasons(c.OutOrStdout(), c.ErrOrStderr(), false))
	}
	if err = errors.Join(err, statsErr); err == nil && code != 0 {
		return &exitError{code}
	}
	return err
}

// total adds up what all rings counted.
func (t *tap) total() (sum capture.Stats, err error) {
	all, err := t.Stats()
	for _, s := range all {
		sum.Received += s.Received
		sum.Dropped += s.Dropped
	}
	return sum, err
}

// tailBytes is how much of a command's output is kept.
const tailBytes = 64 << 10

// tail keeps the end of what is written to it. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
}

// Write keeps b, and no longer what is too far before it.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	return len(b), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut {
		return append([]byte("…"), t.kept...)
	}
	return t.kept
}
