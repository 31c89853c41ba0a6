package labs

import (
	"context"
	"errors"
	"fmt"

	"rawlab/labs/report"
)

// Trial is one run of a lab that somebody else than the catalogue puts
// together, on a network of its own.
type Trial struct {
	Transport string  // "tcp" or "udp"
	Variant   string  // what sets it apart from others of its transport and rung
	Options   Options // of this run; seed, backend, progress and stop are the lab's
}

// Compose makes a lab of what is told of it and of its runs: every run emits
// everything, then waits until it has settled. Judge adds claims and text to
// the result.
func Compose(head *Lab, trials []Trial, judge func(*report.Result) error) *Lab {
	l := *head
	l.run = func(ctx context.Context, o *Options) (*Outcome, error) { return compose(ctx, o, trials, judge) }
	return &l
}

// Judged is the lab with more that its result is held against.
func (l *Lab) Judged(judge func(*report.Result) error) *Lab {
	own := *l
	own.run = func(ctx context.Context, o *Options) (*Outcome, error) {
		out, err := l.run(ctx, o)
		if err != nil {
			return nil, err
		}
		return out, judge(out.Result)
	}
	return &own
}

func compose(ctx context.Context, o *Options, trials []Trial, judge func(*report.Result) error) (*Outcome, error) {
	var groups []group
	timed := false
	for i := range trials {
		t := &trials[i]
		own := t.Options
		own.Seed, own.Backend, own.Progress, own.Stop = o.Seed, o.Backend, o.Progress, o.Stop
		if err := own.Validate(); err != nil {
			return nil, err
		}
		p := &plan{transport: overTCP, variant: t.Variant, script: steady}
		switch t.Transport {
		case "udp":
			p.transport = own.udp()
		case "tcp":
		default:
			return nil, &OptionError{fmt.Errorf("transport '%s': must be tcp or udp", t.Transport)}
		}
		timed = timed || own.timed()
		groups = append(groups, group{&own, []*plan{p}})
	}
	if len(groups) == 0 {
		return nil, &OptionError{errors.New("a lab without runs")}
	}
	out := &Outcome{Result: newResult(o)}
	if _, err := out.conductTogether(ctx, o, groups...); err != nil {
		return nil, err
	}
	if timed && !o.timed() && o.backend() == BackendKernel {
		goesByTheClock(out.Result)
	}
	return out, judge(out.Result)
}
