package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"rawlab/labs"
)

// given returns the lab's defaults with what the user said in their place.
func (f *labFlags) given(c *cobra.Command, l *labs.Lab) (labs.Options, error) {
	o, u := l.Defaults, &f.units
	set := map[string]func(){
		"events":         func() { o.Events = f.options.Events },
		"size":           func() { o.Size = int(u.size) },
		"pace":           func() { o.Pace = f.options.Pace },
		"seed":           func() { o.Seed = f.options.Seed },
		"ipv6":           func() { o.IPv6 = f.options.IPv6 },
		"reader-delay":   func() { o.ReaderDelay = f.options.ReaderDelay },
		"fragments":      func() { o.Fragments = f.options.Fragments },
		"tcp-info":       func() { o.TCPInfo = f.options.TCPInfo },
		"kernel-reasons": func() { o.KernelReasons = f.options.KernelReasons },
		"rcvbuf":         func() { o.ReceiveBuffer = int(u.receiveBuffer) },
		"reliability":    func() { o.Reliability = f.options.Reliability },
		"congestion":     func() { o.Congestion = f.options.Congestion },
	}
	var refused error
	c.Flags().Visit(func(flag *pflag.Flag) {
		switch {
		case slices.Contains(ownFlags, flag.Name):
		case !slices.Contains(l.Takes, flag.Name):
			refused = usagef("lab %s does not take --%s; it takes --%s", l.Name, flag.Name, strings.Join(l.Takes, ", --"))
		case set[flag.Name] != nil:
			set[flag.Name]()
		}
	})
	if refused != nil {
		return o, refused
	}
	if err := checkCongestion(o.Congestion, o.Reliability); err != nil {
		return o, err
	}
	return o, f.impairments(c.Flags(), &o)
}

// ownFlags are not the lab's, but of the command line.
var ownFlags = []string{"json", "output", "scenario", "backend", "predict", "fail-on", "junit", "help"}

// impairments puts into the options what the user said of the wire: single
// words of both directions, then each direction's own, then schedule and
// rules of both.
func (f *labFlags) impairments(s *pflag.FlagSet, o *labs.Options) error {
	i, err := withWords(s, o.Impairment, f.options.Impairment.Jitter)
	if err != nil {
		return usagef("%w", err)
	}
	both, err := f.directions.apply(i)
	if err != nil {
		return usagef("%w", err)
	}
	o.Impairment = both[0]
	if both[1].String() != both[0].String() {
		o.Back = &both[1]
	}
	return nil
}

// progress shows on stderr how far a lab is: a bar on a terminal, a line per
// stage elsewhere. Stages may run at the same time.
type progress struct {
	w   io.Writer
	lab string
	tty bool

	mu     sync.Mutex
	stages map[string]labs.Progress
	bar    *progressbar.ProgressBar
}

func newProgress(w io.Writer, lab string, o *labs.Options) *progress {
	f, ok := w.(*os.File)
	fmt.Fprintf(w, "lab %s, seed %d\n", lab, o.Seed)
	return &progress{w: w, lab: lab, tty: ok && term.IsTerminal(int(f.Fd())), stages: map[string]labs.Progress{}}
}

func (p *progress) update(u labs.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.stages[u.Stage]
	p.stages[u.Stage] = u
	switch {
	case p.tty:
		p.draw()
	case !known:
		fmt.Fprintf(p.w, "lab %s: %s, %d events\n", p.lab, u.Stage, u.Total)
	}
}

func (p *progress) draw() {
	done, total := 0, 0
	for _, s := range p.stages {
		done, total = done+s.Done, total+s.Total
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(p.lab),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true))
	}
	p.bar.ChangeMax(total)
	p.bar.Set(min(done, total-1)) // the last step is done's, so that the bar goes away once
}

// done takes the bar away.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
}
