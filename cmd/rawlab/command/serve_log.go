package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"rawlab/internal/clock"
)

// logFlags are what a server tells while it runs.
type logFlags struct {
	format, level string
	verbose       bool
	statusEvery   time.Duration
}

func (f *logFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.format, "log-format", "text", "of what is logged on stderr: `text|json`")
	s.StringVar(&f.level, "log-level", "info", "log from here on: `debug|info|warn|error`")
	s.BoolVarP(&f.verbose, "verbose", "v", false, "log what happens to connections; the same as --log-level debug")
	s.DurationVar(&f.statusEvery, "status-every", 0, "log counters so often (default: never; on a terminal one line shows them)")
}

// logger returns what logs to w.
func (f *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, usagef("--log-level %s: want debug, info, warn or error", f.level)
	}
	if f.verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("--log-format %s: want text or json", f.format)
}

// screen is stderr with a line at its end that is written over and over, if
// it is a terminal.
type screen struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	shown    bool
}

func newScreen(w io.Writer) *screen {
	f, ok := w.(*os.File)
	return &screen{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

const eraseLine = "\r\x1b[K" // to the line's start, and away with the rest (ECMA-48, EL)

// Write writes what stays.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	return s.w.Write(b)
}

func (s *screen) erase() {
	if s.shown {
		io.WriteString(s.w, eraseLine) // an error comes again with what follows
		s.shown = false
	}
}

// show puts line at the end, in place of the one before; "" takes it away.
func (s *screen) show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	if line != "" {
		io.WriteString(s.w, line)
		s.shown = true
	}
}

// tellStatus shows or logs the service's counters until ctx is done.
func (f *logFlags) tellStatus(ctx context.Context, s *service) {
	every := f.statusEvery
	onScreen := s.stderr.terminal && f.format == "text"
	if onScreen {
		every = time.Second
	}
	if every <= 0 {
		return
	}
	defer s.stderr.show("")
	before, timer := s.totals(), clock.Real.NewTimer(every)
	defer timer.Stop()
	for ; ; timer.Reset(every) {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		now := s.totals()
		if onScreen {
			s.stderr.show(now.line(&before, every))
		} else {
			now.log(s.log)
		}
		before = now
	}
}

// totals are the counters of all doors together.
type totals struct {
	clients             int
	received, forwarded uint64
	dropped             uint64
}

func (s *service) totals() totals {
	t, u := s.tcp.Stats(), s.udp.Stats()
	all := totals{t.Connections + u.Sessions, t.Received + u.Received, t.Forwarded + u.Forwarded, 0}
	for _, dropped := range []map[string]uint64{asStrings(t.Dropped), asStrings(u.Dropped), asStrings(s.queue.Dropped())} {
		for _, n := range dropped {
			all.dropped += n
		}
	}
	return all
}

func asStrings[K ~string](m map[K]uint64) map[string]uint64 {
	words := make(map[string]uint64, len(m))
	for k, v := range m {
		words[string(k)] = v
	}
	return words
}

func (t *totals) line(before *totals, d time.Duration) string {
	rate := func(now, then uint64) uint64 { return uint64(float64(now-then) / d.Seconds()) }
	return fmt.Sprintf("%d clients · in %d (%d/s) · out %d (%d/s) · dropped %d",
		t.clients, t.received, rate(t.received, before.received), t.forwarded, rate(t.forwarded, before.forwarded), t.dropped)
}

func (t *totals) log(l *slog.Logger) {
	l.Info("status", "clients", t.clients, "received", t.received, "forwarded", t.forwarded, "dropped", t.dropped)
}
