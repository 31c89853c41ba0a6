package page

import (
	"fmt"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// fateBar is where a run's events ended, as a bar of barWidth.
type fateBar struct {
	Name  string
	Parts []fatePart
}

type fatePart struct {
	Fate    string
	Class   int // of its color, 0: delivered
	Count   string
	Share   string
	Reason  string
	X, Span float64
}

const (
	barWidth  = 1000.0
	leastPart = 3.0 // so that one event among many can be seen
)

// fateBars are those of all runs.
func fateBars(r *report.Result) []fateBar {
	var bars []fateBar
	for i := range r.Runs {
		u := &r.Runs[i]
		if u.Emitted == 0 {
			continue
		}
		b := fateBar{Name: upper(u.Name())}
		b.add(u, 0, "delivered", "Delivered to the subscriber", u.Delivered)
		for n, f := range account.Fates {
			b.add(u, n+1, string(f), report.FateReasons[f], u.Fates[string(f)])
		}
		b.place()
		bars = append(bars, b)
	}
	return bars
}

func (b *fateBar) add(u *report.Run, class int, fate, reason string, n int) {
	if n == 0 {
		return
	}
	b.Parts = append(b.Parts, fatePart{
		Fate: fate, Class: class, Count: report.Count(n), Share: fmt.Sprintf("%.2f %%", 100*float64(n)/float64(u.Emitted)), Reason: reason,
		Span: max(leastPart, barWidth*float64(n)/float64(u.Emitted)),
	})
}

// place puts the parts beside each other; what small ones take too much, all
// give.
func (b *fateBar) place() {
	sum := 0.0
	for _, p := range b.Parts {
		sum += p.Span
	}
	x := 0.0
	for i := range b.Parts {
		p := &b.Parts[i]
		p.X, p.Span = round(x, 2), round(p.Span*barWidth/sum, 2)
		x += p.Span
	}
}
