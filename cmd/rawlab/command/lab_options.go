package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rawlab/labs"
)

// given returns the lab's defaults with what the user said in their place.
func (f *labFlags) given(c *cobra.Command, l *labs.Lab) (labs.Options, error) {
	o, u := l.Defaults, &f.units
	set := map[string]func(){
		"events":       func() { o.Events = f.options.Events },
		"size":         func() { o.Size = int(u.size) },
		"pace":         func() { o.Pace = f.options.Pace },
		"loss":         func() { o.Impairment.Loss = float64(u.loss) },
		"delay":        func() { o.Impairment.Delay = f.options.Impairment.Delay },
		"jitter":       func() { o.Impairment.Jitter = f.options.Impairment.Jitter },
		"reorder":      func() { o.Impairment.Reorder = float64(u.reorder) },
		"duplicate":    func() { o.Impairment.Duplicate = float64(u.duplicate) },
		"corrupt":      func() { o.Impairment.Corrupt = float64(u.corrupt) },
		"rate":         func() { o.Impairment.Rate = int64(u.rate) },
		"queue":        func() { o.Impairment.Queue = f.options.Impairment.Queue },
		"seed":         func() { o.Seed = f.options.Seed },
		"ipv6":         func() { o.IPv6 = f.options.IPv6 },
		"reader-delay": func() { o.ReaderDelay = f.options.ReaderDelay },
		"rcvbuf":       func() { o.ReceiveBuffer = int(u.receiveBuffer) },
	}
	for flag, apply := range set {
		if !c.Flags().Changed(flag) {
			continue
		}
		if !slices.Contains(l.Takes, flag) {
			return o, usagef("lab %s does not take --%s; it takes %v", l.Name, flag, l.Takes)
		}
		apply()
	}
	return o, nil
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
