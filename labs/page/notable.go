package page

import (
	"cmp"
	"slices"

	"rawlab/capture/account"
)

// notable is an event that is worth a look, and why. The page has its packets'
// bytes.
type notable struct {
	Place int    `json:"place"`
	Why   string `json:"why"`
}

// maxNotable bounds how many events of a run the page proposes.
const maxNotable = 8

// pick chooses the events of a run that are worth a look.
func pick(l *account.Ledger) []notable {
	var picks []notable
	add := func(place int, why string) {
		if place >= 0 && len(picks) < maxNotable && !slices.ContainsFunc(picks, func(n notable) bool { return n.Place == place }) {
			picks = append(picks, notable{place, why})
		}
	}
	first := func(is func(*account.Event) bool) int {
		return slices.IndexFunc(l.Events, func(e account.Event) bool { return is(&e) })
	}
	add(first(func(e *account.Event) bool { return e.Fate == "" }), "the first that was delivered")
	for _, f := range account.Fates {
		add(first(func(e *account.Event) bool { return e.Fate == f && e.Lost == account.ToServer }), "the first with the fate "+string(f))
		add(first(func(e *account.Event) bool { return e.Fate == f && e.Lost == account.ToSubscriber }), "the first with the fate "+string(f)+" on the way to the subscriber")
	}
	most := func(of func(*account.Event) int64) int {
		place := -1
		for i := range l.Events {
			if v := of(&l.Events[i]); v > 0 && (place < 0 || v > of(&l.Events[place])) {
				place = i
			}
		}
		return place
	}
	add(most(func(e *account.Event) int64 { return int64(e.InLine) }), "the longest in line behind lost bytes")
	add(most(slowness), "the slowest")
	add(most(func(e *account.Event) int64 { return int64(e.Packets) }), "the one in most packets")
	add(first(func(e *account.Event) bool { return e.Duplicates > 0 }), "the first that came twice")
	if picks == nil {
		picks = []notable{}
	}
	return picks
}

func slowness(e *account.Event) int64 {
	if e.Fate != "" {
		return 0
	}
	return int64(e.Latency)
}

// sample chooses one event in so many, and those that tell the most.
func sample(l *account.Ledger, every int) []bool {
	keep := make([]bool, len(l.Events))
	missing := maxLost
	for i := range keep {
		keep[i] = i%every == 0
		if l.Events[i].Fate != "" && missing > 0 {
			keep[i], missing = true, missing-1
		}
	}
	if every == 1 {
		return keep
	}
	for _, of := range []func(*account.Event) int64{slowness, func(e *account.Event) int64 { return int64(e.InLine) }} {
		for _, i := range top(l, of) {
			keep[i] = true
		}
	}
	return keep
}

// top lists the places of the events that have the most of something.
func top(l *account.Ledger, of func(*account.Event) int64) []int {
	places := make([]int, 0, len(l.Events))
	for i := range l.Events {
		if of(&l.Events[i]) > 0 {
			places = append(places, i)
		}
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(of(&l.Events[b]), of(&l.Events[a])) })
	return places[:min(len(places), maxSlow)]
}
