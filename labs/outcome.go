package labs

import (
	"context"
	"fmt"
	"sync"

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
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	evidence := make([]*report.Evidence, len(plans))
	recordings := make([]*Recording, len(plans))
	timer := watchTimer(o)
	var wg sync.WaitGroup
	for i, p := range plans {
		if o.backend() == BackendVirtual {
			wg.Wait()
			if ctx.Err() != nil {
				break
			}
		}
		wg.Go(func() {
			var err error
			if evidence[i], recordings[i], err = p.run(ctx, o); err != nil {
				cancel(err) // the others have nothing to be compared with
			}
		})
	}
	wg.Wait()
	out.Result.TimerLateUS = timer()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for i, p := range plans {
		out.add(evidence[i], p, o.Size)
		out.Result.Runs[i].WireLateUS = report.Percentiles(recordings[i].Lateness)
		if o.TCPInfo > 0 && p.transport.stream {
			out.Result.Runs[i].TCPInfo = report.SumTCPInfo(o.TCPInfo, recordings[i].TCPInfo, recordings[i].TCPInfoExcess)
		}
		out.Result.Scenario.CongestionControl = recordings[i].CongestionControl
	}
	return nil
}

// add puts one run's evidence into the outcome.
func (out *Outcome) add(e *report.Evidence, p *plan, size int) {
	run := report.FromLedger(p.transport.name, p.transport.reliability, size, e.Ledger)
	run.Variant = p.variant
	r := out.Result
	r.Runs = append(r.Runs, run)
	out.Evidence = append(out.Evidence, *e)
	for _, d := range e.Ledger.Doubts {
		r.Reproducible = false
		r.Reasons = append(r.Reasons, p.title()+": "+d)
	}
	if len(e.Ledger.Doubts) == 0 && len(e.Ledger.Timed) > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf(
			"%s: timing decides which events have these fates, and that does not repeat: %v", p.title(), e.Ledger.Timed))
	}
}

// balance checks what must hold for every run of every lab.
func balance(r *report.Result) []report.Check {
	var checks []report.Check
	for i := range r.Runs {
		u := &r.Runs[i]
		checks = append(checks, report.Check{
			Claim:    fmt.Sprintf("%s: emitted = delivered + fates, nothing unexplained", u.Name()),
			Measured: fmt.Sprintf("%s = %s + %s, %d unexplained", report.Count(u.Emitted), report.Count(u.Delivered), report.Count(u.Emitted-u.Delivered), u.Unexplained),
			Held:     u.Balances(),
		})
	}
	return checks
}
