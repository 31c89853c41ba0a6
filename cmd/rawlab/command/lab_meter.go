package command

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rawlab/labs"
)

// meter shows on stderr how far a series of runs is: a bar with the time left
// on a terminal, a line for each run elsewhere, and for each stage of the
// first; nothing if it is to be quiet.
type meter struct {
	w          io.Writer
	tty, quiet bool
	weights    []float64 // of each run: how long it will take beside the others

	mu     sync.Mutex
	run    int // of the one that runs, from 1
	label  string
	stages map[string]labs.Progress
	bar    *progressbar.ProgressBar
}

// steps is how finely the bar moves.
const steps = 10_000

// newMeter makes a meter for so many runs.
func newMeter(w io.Writer, quiet bool, weights []float64) *meter {
	return &meter{w: w, tty: isTerminal(w), quiet: quiet, weights: weights}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored tells whether what is written there may have colours: on a
// terminal, unless NO_COLOR (no-color.org) or a dumb one forbids it.
func colored(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// note writes a line.
func (m *meter) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.quiet {
		m.clear()
		fmt.Fprintf(m.w, format+"\n", args...)
	}
}

// begin says that the next run begins.
func (m *meter) begin(label string, seed uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.run++
	m.label, m.stages = label, map[string]labs.Progress{}
	switch {
	case m.quiet:
	case m.tty:
		m.draw()
	case len(m.weights) > 1:
		fmt.Fprintf(m.w, "%d of %d: %s, seed %d\n", m.run, len(m.weights), label, seed)
	default:
		fmt.Fprintf(m.w, "%s, seed %d\n", label, seed)
	}
}

// update hears from the lab that runs.
func (m *meter) update(u labs.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.stages[u.Stage]
	m.stages[u.Stage] = u
	switch {
	case m.quiet:
	case m.tty:
		m.draw()
	case !known && m.run == 1: // of many runs, the others go the same way
		fmt.Fprintf(m.w, "%s: %s, %d events\n", m.label, u.Stage, u.Total)
	}
}

// share is how much of the run is done, 0 to 1.
func (m *meter) share() float64 {
	sum, stages := 0.0, 1
	for _, u := range m.stages {
		stages = max(stages, u.Stages)
		if u.Total > 0 {
			sum += min(1, float64(u.Done)/float64(u.Total))
		}
	}
	return sum / float64(max(stages, len(m.stages)))
}

func (m *meter) draw() {
	if m.bar == nil {
		m.bar = progressbar.NewOptions(steps, progressbar.OptionSetWriter(m.w), progressbar.OptionSetWidth(24),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	done, all := 0.0, 0.0
	for i, w := range m.weights {
		all += w
		switch {
		case i < m.run-1:
			done += w
		case i == m.run-1:
			done += w * m.share()
		}
	}
	text := m.label
	if len(m.weights) > 1 {
		text = fmt.Sprintf("%d/%d %s", m.run, len(m.weights), text)
	}
	m.bar.Describe(shortLabel(text))
	m.bar.Set(min(int(done/all*steps), steps-1)) // the last step is end's, so that the bar goes away once
}

// labelWidth is what a label may take of a line that also has the bar.
const labelWidth = 28

// shortLabel cuts a label to what it may take.
func shortLabel(text string) string {
	if r := []rune(text); len(r) > labelWidth {
		return string(r[:labelWidth-1]) + "…"
	}
	return text
}

// clear takes the bar away until it is drawn again.
func (m *meter) clear() {
	if m.bar != nil {
		m.bar.Clear()
	}
}

// pause takes the bar away, so that others can write.
func (m *meter) pause() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

// end takes the bar away for good.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		m.bar.Finish()
		m.bar = nil
	}
}
