package live

import (
	"math"
	"slices"
)

// Bounds of what is remembered of origins.
const (
	maxOrigins = 4096
	maxRuns    = 1024 // of one origin; the oldest hole is settled beyond
)

// gaps counts sequences that no packet brought: of each origin those between
// the least and the greatest seen.
type gaps struct {
	origins map[uint64]*runs
	missing uint64
	more    bool // there were more than maxOrigins
}

// runs are the sequences of one origin that were seen, in order and apart.
type runs []run

// run is a range of sequences, both ends in it.
type run struct{ from, to uint64 }

// see notes an event.
func (g *gaps) see(origin, sequence uint64) {
	if g.origins == nil {
		g.origins = make(map[uint64]*runs)
	}
	r := g.origins[origin]
	switch {
	case r == nil && len(g.origins) == maxOrigins:
		g.more = true
		return
	case r == nil:
		r = new(runs)
		g.origins[origin] = r
	}
	opened, filled := r.see(sequence)
	g.missing -= min(filled, g.missing)
	g.missing += min(opened, math.MaxUint64-g.missing)
}

// see adds a sequence. It tells how many are missing that were not before,
// and how many no longer.
func (r *runs) see(sequence uint64) (opened, filled uint64) {
	s := *r
	i, _ := slices.BinarySearchFunc(s, sequence, func(x run, n uint64) int {
		if x.to < n {
			return -1
		}
		return 1
	}) // the first run that ends at the sequence or behind it
	if i < len(s) && s[i].from <= sequence {
		return 0, 0 // seen before
	}
	switch {
	case len(s) == 0:
	case i == len(s):
		opened = sequence - s[i-1].to - 1
	case i == 0:
		opened = s[0].from - sequence - 1
	default:
		filled = 1
	}
	s = slices.Insert(s, i, run{sequence, sequence})
	if i+1 < len(s) && s[i+1].from == sequence+1 {
		s[i].to = s[i+1].to
		s = slices.Delete(s, i+1, i+2)
	}
	if i > 0 && s[i-1].to+1 == s[i].from {
		s[i-1].to = s[i].to
		s = slices.Delete(s, i, i+1)
	}
	if len(s) > maxRuns {
		s[1].from = s[0].from
		s = slices.Delete(s, 0, 1)
	}
	*r = s
	return opened, filled
}
