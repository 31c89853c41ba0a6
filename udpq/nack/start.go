package nack

import (
	"maps"
	"slices"
	"time"
)

// A topic's log is joined anywhere. Where, the receipt tells or, if none
// came, the first beat; until then what comes is kept.

// startWait is how long to wait for either: as long as there are beats.
const startWait = 10 * time.Second

// newLogReceiver returns a receiver of the offsets of a topic's log, which
// starts where it is told to.
func newLogReceiver(c Config, stats *ReceiverStats, held *int) *Receiver {
	return &Receiver{config: c.orDefault(), stats: stats, bytes: held}
}

func (r *Receiver) waitForStart(now time.Time, number uint64, frames []byte) {
	if r.startAt.IsZero() {
		r.startAt = now.Add(startWait)
	}
	if _, twice := r.held[number]; twice {
		return
	}
	if !r.fits(frames) {
		r.stats.Refused++
		return
	}
	r.hold(number, slices.Clone(frames))
}

// Start says from which number on all is to come. If that is past what came
// so far, what lies between is not missing. It returns what may go now, until
// the next call of a method.
func (r *Receiver) Start(now time.Time, first uint64) []Ready {
	r.ready = r.ready[:0]
	switch {
	case first == 0 || first > maxNumber:
	case r.next == 0:
		r.start(now, first)
	case first > r.top+1:
		r.skip(first)
	}
	r.advance()
	return r.ready
}

// start begins at a number, with what has come before that was known.
func (r *Receiver) start(now time.Time, first uint64) {
	first = max(first, 1)
	held := r.held
	r.next, r.top, r.held, r.startAt = first, first-1, nil, time.Time{}
	for _, frames := range held {
		*r.bytes -= heldBytes(frames)
	}
	for _, n := range slices.Sorted(maps.Keys(held)) {
		if n < first {
			r.ready = append(r.ready, Ready{Frames: held[n]})
			continue
		}
		r.accept(now, n, held[n])
	}
}

// startAnywhere begins at the lowest number that has come.
func (r *Receiver) startAnywhere(now time.Time) {
	if len(r.held) == 0 {
		r.startAt = time.Time{}
		return
	}
	r.start(now, slices.Min(slices.Collect(maps.Keys(r.held))))
}

// skip goes on at a number past all that was sent so far. What is missing
// before it stays so.
func (r *Receiver) skip(first uint64) {
	s := span{r.top + 1, first}
	r.top = first - 1
	if r.next == s.from {
		r.next = s.to
		return
	}
	r.lost = append(r.lost, loss{span: s, skipped: true})
}
