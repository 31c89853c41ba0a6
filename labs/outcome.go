package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"rawlab/capture/account"
	"rawlab/labs/page"
	"rawlab/labs/report"
)

// newResult starts the result of a lab.
func newResult(o *Options) *report.Result {
	return &report.Result{Reproducible: true, Scenario: o.scenario(), Runs: []report.Run{}, Checks: []report.Check{}}
}

// conduct carries out the plans at the same time, each over a network of its
// own, so that whatever else the machine does meets both. On virtual time
// nothing else does, and one plan follows the other.
func (out *Outcome) conduct(ctx context.Context, o *Options, plans ...*plan) error {
	groups := make([]group, len(plans))
	for i, p := range plans {
		groups[i] = group{o, []*plan{p}}
	}
	_, err := out.conductTogether(ctx, o, groups...)
	return err
}

// group is plans that share a network.
type group struct {
	options *Options // of the network and of every plan
	plans   []*plan
}

// conductTogether is conduct for groups of plans.
func (out *Outcome) conductTogether(ctx context.Context, o *Options, groups ...group) ([]*Recording, error) {
	for _, g := range groups {
		if err := errors.Join(g.refuseLong(), g.refuseControl()); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	evidence := make([][]*report.Evidence, len(groups))
	recordings := make([]*Recording, len(groups))
	timer := watchTimer(o)
	countStages(groups)
	var wg sync.WaitGroup
	for i, g := range groups {
		if o.backend() == BackendVirtual {
			wg.Wait()
			if ctx.Err() != nil || i > 0 && o.stopped() {
				break
			}
		}
		wg.Go(func() {
			var err error
			if evidence[i], recordings[i], err = carryOut(ctx, g.options, g.plans); err != nil {
				cancel(err) // the others have nothing to be compared with
			}
		})
	}
	wg.Wait()
	out.Result.TimerLateUS = timer()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	stopped := false
	for i, g := range groups {
		r := recordings[i]
		if stopped = stopped || r == nil || r.stopped; r == nil {
			continue // it was never begun
		}
		for j, p := range g.plans {
			out.add(evidence[i][j], p, cmp.Or(p.traffic, g.options), r)
		}
		out.Result.Scenario.CongestionControl = r.CongestionControl
	}
	if stopped {
		return nil, &stoppedError{out}
	}
	return recordings, nil
}

// countStages lets everybody who tells of progress know how many there are.
func countStages(groups []group) {
	stages := 0
	for _, g := range groups {
		stages += len(g.plans)
	}
	for _, g := range groups {
		g.options.stages = stages
		for _, p := range g.plans {
			if p.traffic != nil {
				p.traffic.stages = stages
			}
		}
	}
}

// add puts one run's evidence into the outcome.
func (out *Outcome) add(e *report.Evidence, p *plan, o *Options, rec *Recording) {
	run := report.FromLedger(p.transport.name, p.transport.reliability, o.Size, e.Ledger)
	run.Variant, run.WireLateUS = p.variant, report.Percentiles(rec.Lateness)
	if c := p.clientele; c != nil {
		run.Parts, run.PayloadBytes = c.parts(e.Ledger), c.payload(e.Ledger)
	}
	if o.TCPInfo > 0 && p.transport.stream {
		e.TCPInfo, run.TCPInfo = rec.TCPInfo, report.SumTCPInfo(o.TCPInfo, rec.TCPInfo, rec.TCPInfoExcess)
	}
	if e.Span > 0 {
		run.PerSecond = float64(e.Ledger.Delivered) / e.Span.Seconds()
	}
	run.Doubts = slices.Clone(e.Ledger.Doubts)
	r := out.Result
	r.Runs = append(r.Runs, run)
	out.Evidence, out.planned = append(out.Evidence, *e), append(out.planned, o.Events)
	for _, d := range e.Ledger.Doubts {
		r.Reproducible = false
		r.Reasons = append(r.Reasons, p.title()+": "+d)
	}
	if c := p.clientele; c != nil && !o.OwnHosts && o.backend() == BackendKernel && !p.transport.stream {
		if text := c.copies(e.Ledger); text != "" {
			r.Reasons = append(r.Reasons, p.title()+": "+text)
		}
	}
	if len(e.Ledger.Doubts) == 0 && len(e.Ledger.Timed) > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf(
			"%s: timing decides which events have these fates, and that does not repeat: %v", p.title(), e.Ledger.Timed))
	}
}

// WriteBundle writes the result and its evidence into a bundle, with a page
// that shows them.
func (out *Outcome) WriteBundle(b *report.Bundle) error {
	return b.Write(out.Result, out.Evidence, report.File{Name: "report.html", Write: func(w io.Writer) error {
		return page.Write(w, out.Result, out.Evidence)
	}})
}

// over returns the first run over a transport, nil if there is none.
func (out *Outcome) over(transport string) (*report.Run, *account.Ledger) {
	for i := range out.Result.Runs {
		if u := &out.Result.Runs[i]; u.Transport == transport {
			return u, out.Evidence[i].Ledger
		}
	}
	return nil, nil
}

// balance checks what must hold for every run of every lab.
func balance(r *report.Result) []report.Check {
	var checks []report.Check
	for i := range r.Runs {
		u := &r.Runs[i]
		if len(u.Parts) > 0 {
			checks = append(checks, eachCheck(u))
		}
		what := "emitted"
		if u.Events > 0 {
			what = "due to all subscribers"
		}
		checks = append(checks, report.Check{
			Claim:    fmt.Sprintf("%s: %s = delivered + fates, nothing unexplained", u.Name(), what),
			Measured: fmt.Sprintf("%s = %s + %s, %d unexplained", report.Count(u.Emitted), report.Count(u.Delivered), report.Count(u.Emitted-u.Delivered), u.Unexplained),
			Held:     u.Balances(),
		})
	}
	return checks
}

// kernelChecks hold every ledger against what the kernel was asked.
func kernelChecks(out *Outcome) []report.Check {
	var checks []report.Check
	for i := range out.Evidence {
		k := out.Evidence[i].Ledger.Kernel
		if k == nil {
			continue
		}
		checks = append(checks, report.Check{
			Claim:    fmt.Sprintf("%s: of each event that a host's kernel dropped, it gives a reason that agrees with the fate", out.Result.Runs[i].Name()),
			Measured: k.String(), Held: k.Holds(),
		})
	}
	return checks
}
