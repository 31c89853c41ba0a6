package labs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rawlab/labs/report"
)

// Trial is one run of a lab that somebody else than the catalogue puts
// together, on a network of its own.
type Trial struct {
	Transport string  // "tcp" or "udp"
	Variant   string  // what sets it apart from others of its transport and rung
	Options   Options // of this run; seed, backend, progress and stop are the lab's
	Topics    []Topic // of its traffic; none: one
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
	var timed []bool // by run
	for i := range trials {
		t := &trials[i]
		own := t.Options
		own.Seed, own.Backend, own.Progress, own.Stop = o.Seed, o.Backend, o.Progress, o.Stop
		if err := own.Validate(); err != nil {
			return nil, err
		}
		c, err := t.clientele(&own)
		if err != nil {
			return nil, err
		}
		p := &plan{transport: overTCP, variant: t.Variant, script: steady}
		if c != nil {
			p.script, p.clientele = c.script, c
		}
		switch t.Transport {
		case "udp":
			p.transport = own.udp()
		case "tcp":
		default:
			return nil, &OptionError{fmt.Errorf("transport '%s': must be tcp or udp", t.Transport)}
		}
		timed = append(timed, own.timed())
		groups = append(groups, group{&own, []*plan{p}})
	}
	if len(groups) == 0 {
		return nil, &OptionError{errors.New("a lab without runs")}
	}
	out := &Outcome{Result: newResult(o)}
	if _, err := out.conductTogether(ctx, o, groups...); err != nil {
		return nil, err
	}
	if slices.Contains(timed, true) && !o.timed() && o.backend() == BackendKernel {
		goesByTheClock(out.Result, func(run int) bool { return timed[run] })
	}
	return out, judge(out.Result)
}

// Validate says what of the trial's clients cannot be.
func (t *Trial) Validate() error {
	own := t.Options
	_, err := t.clientele(&own)
	return err
}

// clientele are the trial's clients, where they are more than one that emits
// and one that listens; nil if they are not. It puts into the options of the
// run what all of them come to.
func (t *Trial) clientele(o *Options) (*clientele, error) {
	topics := t.Topics
	switch {
	case topics == nil && o.emitters() == 1 && o.subscribers() == 1 && !o.OwnHosts:
		return nil, nil
	case topics == nil:
		topics = []Topic{{topic, *o}}
	case len(topics) > maxTopics:
		return nil, &OptionError{fmt.Errorf("%d topics, must be at most %d", len(topics), maxTopics)}
	}
	if o.KernelReasons {
		return nil, &OptionError{errors.New("--kernel-reasons: the kernel does not say which of several subscribers a packet was for; give the run one emitter and one subscriber")}
	}
	for i := range topics {
		if err := topics[i].Options.Validate(); err != nil {
			return nil, err
		}
	}
	c := newClientele(topics)
	if due := c.due(); due > maxDue {
		return nil, &OptionError{fmt.Errorf("all emitters' events, each as often as it has subscribers, are %d, must be at most %d", due, maxDue)}
	}
	if n := len(c.emitters) + len(c.subscribers); o.OwnHosts && n > maxOwnHosts {
		return nil, &OptionError{fmt.Errorf("--own-hosts: %d clients, a host each: must be at most %d; without it they share one", n, maxOwnHosts)}
	} else if o.OwnHosts {
		o.clients = n
	}
	o.Events, o.Size = c.due(), 0
	for i := range topics {
		o.Size = max(o.Size, topics[i].Options.Size)
	}
	_, o.ReaderDelay = c.longest()
	return c, nil
}
