package labs

import (
	"context"
	"errors"
	"fmt"

	"rawlab/labs/report"
)

// errStopped is how a script ends that Options.Stop ended.
var errStopped = errors.New("stopped")

// stoppedError carries what a lab that was stopped had measured until then.
type stoppedError struct{ outcome *Outcome }

func (e *stoppedError) Error() string { return errStopped.Error() }

// stopped tells whether nothing more is to be emitted.
func (o *Options) stopped() bool {
	select {
	case <-o.Stop:
		return true
	default:
		return false
	}
}

// stoppedLooks is how many looks in a row find that nothing moves before what
// was emitted when a run was stopped is given up: 3 s, in which TCP sends
// again a few times.
const stoppedLooks = 150

// settleStopped waits until what was emitted is where it will stay.
func (g *together) settleStopped(ctx context.Context) error {
	var errs []error
	for _, x := range g.transfers {
		errs = append(errs, x.until(ctx, func(now standing, still int) bool {
			if !x.transport.complete {
				return now.quiet(still)
			}
			return now.delivered >= x.owed() || x.broken() || still > stoppedLooks
		}))
	}
	return errors.Join(errs...)
}

// interrupted makes a result of what a stopped lab had measured: its runs
// balance, but nothing else is claimed of them.
func (e *stoppedError) interrupted() *Outcome {
	out := e.outcome
	r := out.Result
	r.Interrupted, r.Reproducible = true, false
	r.Reasons = append(r.Reasons, "the lab was ended before its time")
	text := "INTERRUPTED: nothing was measured."
	for i := range r.Runs {
		u := &r.Runs[i]
		if i == 0 {
			text = "INTERRUPTED: "
		} else {
			text += ", "
		}
		text += fmt.Sprintf("%s after %s of %s events", u.Name(), report.Count(u.Emitted), report.Count(out.planned[i]))
	}
	r.Story = []string{text + ". What was emitted until then is accounted for; the lab's own claims are about whole runs, and are not held against this one."}
	return out
}
