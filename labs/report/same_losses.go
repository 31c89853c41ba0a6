package report

import (
	"errors"
	"fmt"
	"slices"
)

// ErrUntold is how the comparison of a run ends of which too little is in its
// bundle.
var ErrUntold = errors.New("it was ended before its time, and which events the wire hit on a rung no ledger tells one by one")

// Losses holds what the seed decides, run by run, against another bundle of
// the same lab: which events were emitted, and which of them the wire hit. Of
// each run it says nil, the first [*Difference], or [ErrUntold]. What was
// ended before its time is compared as far as it went.
func (k *Kept) Losses(again *Kept) ([]error, error) {
	if a, b := len(k.Result.Runs), len(again.Result.Runs); a != b && !k.Result.Interrupted {
		return nil, &Difference{"result.json, runs", fmt.Sprint(a), fmt.Sprint(b)}
	}
	mine, err := k.tallies()
	if err != nil {
		return nil, err
	}
	theirs, err := again.tallies()
	if err != nil {
		return nil, err
	}
	found := make([]error, len(mine))
	for i := range k.Result.Runs {
		a := &k.Result.Runs[i]
		n := slices.IndexFunc(again.Result.Runs, func(u Run) bool { return u.Name() == a.Name() })
		switch {
		case n < 0:
			found[i] = &Difference{fmt.Sprintf("result.json, run %d", i+1), a.Name(), "none of that name"}
		case k.Result.Interrupted && a.OnRung():
			found[i] = ErrUntold
		case k.Result.Interrupted:
			found[i] = a.sameBeginning(&again.Result.Runs[n], mine[i], theirs[n])
		default:
			found[i] = a.sameLosses(&again.Result.Runs[n], mine[i], theirs[n])
		}
	}
	return found, nil
}

func (u *Run) sameLosses(again *Run, mine, theirs *tally) error {
	at := func(what string) string { return "result.json, run " + u.Name() + ", " + what }
	switch {
	case u.Emitted != again.Emitted:
		return &Difference{at("emitted"), fmt.Sprint(u.Emitted), fmt.Sprint(again.Emitted)}
	case u.LostDigest == again.LostDigest:
		return nil
	}
	if d := differentFate(mine.hits, theirs.hits); d != nil && !u.OnRung() {
		return d
	}
	return &Difference{at("lost_digest"), u.LostDigest, again.LostDigest}
}

// sameBeginning compares the events that were emitted until a run was ended.
func (u *Run) sameBeginning(again *Run, mine, theirs *tally) error {
	if u.Emitted > again.Emitted {
		return &Difference{"result.json, run " + u.Name() + ", emitted", fmt.Sprint(u.Emitted), fmt.Sprintf("%d at most", again.Emitted)}
	}
	hits := slices.DeleteFunc(slices.Clone(theirs.hits), func(l Line) bool { return l.Sequence > mine.last[l.Origin] })
	return differentFate(mine.hits, hits)
}

// differentFate names the first event that the wire hit in one run alone.
func differentFate(mine, theirs []Line) error {
	for i := range max(len(mine), len(theirs)) {
		switch {
		case i >= len(theirs) || i < len(mine) && before(&mine[i], &theirs[i]):
			l := &mine[i]
			return &Difference{fmt.Sprintf("ledger.csv:%d, event %d:%d", l.number, l.Origin, l.Sequence), l.Fate, "a fate that is not the wire's"}
		case i >= len(mine) || before(&theirs[i], &mine[i]):
			l := &theirs[i]
			return &Difference{fmt.Sprintf("ledger.csv:%d, event %d:%d", l.number, l.Origin, l.Sequence), "a fate that is not the wire's", l.Fate}
		}
	}
	return nil
}

func before(a, b *Line) bool {
	return a.Origin < b.Origin || a.Origin == b.Origin && a.Sequence < b.Sequence
}
