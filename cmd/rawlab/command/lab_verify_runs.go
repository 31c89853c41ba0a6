package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"rawlab/labs/report"
)

// verifiedRun is what became of comparing one run of a bundle.
type verifiedRun struct {
	Name   string `json:"run"`
	Same   *bool  `json:"same"`          // null: it cannot be told
	Why    string `json:"why,omitempty"` // it is not, or cannot be told
	doubts string // why it does not repeat, as the bundle says; empty: it does

	difference *report.Difference
	again      bool // it was disturbed when it was run again
}

// begin lists the bundle's runs, and counts those that repeat.
func (v *verification) begin(r *report.Result) (repeat int) {
	v.interrupted = r.Interrupted
	if v.bytes {
		return len(r.Runs)
	}
	doubted := false
	for i := range r.Runs {
		u := &r.Runs[i]
		v.Runs = append(v.Runs, &verifiedRun{Name: u.Name(), doubts: strings.Join(u.Doubts, "; ")})
		doubted = doubted || len(u.Doubts) > 0
	}
	if !r.Reproducible && !doubted && !r.Interrupted { // an older rawlab did not say which of them
		for _, one := range v.Runs {
			one.doubts = strings.Join(r.Reasons, "; ")
		}
	}
	for _, one := range v.Runs {
		if one.doubts == "" {
			repeat++
		}
	}
	if repeat == 0 {
		v.Reasons = r.Reasons
	}
	return repeat
}

// holdRuns compares every run with the bundle that was just made; what was the
// same once stays so. It tells whether another try would tell no more.
func (v *verification) holdRuns(kept *report.Kept, folder string) (settled bool, err error) {
	v.Compared = []string{"emitted", "lost_digest"}
	if v.interrupted {
		v.Compared = []string{"ledger.csv, the fates that the wire decided"}
	}
	now, err := report.ReadBundle(folder)
	if err != nil {
		return false, err
	}
	defer now.Close()
	found, err := kept.Losses(now)
	if err != nil {
		return false, err
	}
	disturbed := map[string]string{}
	for i := range now.Result.Runs {
		u := &now.Result.Runs[i]
		disturbed[u.Name()] = strings.Join(u.Doubts, "; ")
	}
	settled = true
	for i, one := range v.Runs {
		if one.Same == nil || !*one.Same {
			one.hold(found[i], disturbed[one.Name])
		}
		settled = settled && !one.again
	}
	return settled, nil
}

// hold judges a run by the difference that was found, and by what disturbed it
// when it was run again.
func (u *verifiedRun) hold(found error, disturbed string) {
	d, differs := errors.AsType[*report.Difference](found)
	u.Same, u.difference, u.again, u.Why = nil, nil, false, ""
	switch {
	case found == nil:
		u.Same = new(true)
	case !differs:
		u.Why = "cannot be told: " + found.Error()
	case u.doubts != "":
		u.Why = "differs, and may: " + u.doubts
	case disturbed != "":
		u.again, u.Why = true, "cannot be told: when it was run again it was disturbed: "+disturbed
	default:
		u.Same, u.difference, u.Why = new(false), d, "differs: "+d.Error()
	}
}

// judgeRuns tells what came of all runs.
func (v *verification) judgeRuns(w io.Writer) error {
	same, disturbed := 0, []string{}
	for _, one := range v.Runs {
		switch {
		case one.difference != nil:
			return v.judge(w, one.difference)
		case one.again:
			disturbed = append(disturbed, one.Name)
		case one.Same != nil:
			same++
		}
		if one.Same == nil {
			v.Reasons = append(v.Reasons, one.Name+": "+one.Why)
		}
	}
	switch {
	case len(disturbed) > 0:
		return v.cannot(w, fmt.Sprintf("%d runs of %s in turn were disturbed on this machine", tries, strings.Join(disturbed, ", ")), v.Reasons)
	case same == 0:
		return v.cannot(w, "there is no run that can be compared", v.Reasons)
	}
	return v.judge(w, nil)
}

// partly tells whether some runs are not the same, and need not be.
func (v *verification) partly() bool {
	for _, one := range v.Runs {
		if one.Same == nil {
			return true
		}
	}
	return false
}

// eachRun says of each run what became of it, where that is not the same of
// all.
func (v *verification) eachRun() string {
	wide, all := 0, true
	for _, one := range v.Runs {
		wide, all = max(wide, len(one.Name)), all && one.Same != nil && *one.Same
	}
	if all {
		return ""
	}
	var b strings.Builder
	for _, one := range v.Runs {
		why := one.Why
		if one.Same != nil && *one.Same {
			why = "the same"
		}
		b.WriteString(report.Wrap(why, fmt.Sprintf("  %-*s  ", wide, one.Name), 80))
	}
	return b.String()
}
