package nack

import (
	"slices"
	"time"

	"rawlab/framing"
)

// hole is numbers that have not come.
type hole struct {
	span
	tries int       // times in a row that it was asked for and nothing of it came
	began time.Time // when it was asked for first
	asked time.Time // last
	due   time.Time // when to ask next, or to give up
	again bool      // asked for more than once
}

// hole returns the index of the hole that a number is in, -1 if it is in none.
func (r *Receiver) hole(number uint64) int {
	i, found := slices.BinarySearchFunc(r.holes, number, func(h hole, n uint64) int {
		switch {
		case h.to <= n:
			return -1
		case h.from > n:
			return 1
		}
		return 0
	})
	if !found {
		return -1
	}
	return i
}

// reach notes that numbers up to top were sent; those that are new are
// missing. It reports false if there are too many holes to note another.
func (r *Receiver) reach(now time.Time, top uint64) bool {
	if top <= r.top {
		return true
	}
	last := len(r.holes) - 1
	switch {
	case last >= 0 && r.holes[last].to == r.top+1 && r.holes[last].tries == 0:
		r.holes[last].to = top + 1
	case len(r.holes) >= maxHoles:
		return false
	default:
		due := now.Add(r.config.ReorderWait + r.reorder)
		r.holes = append(r.holes, hole{span: span{r.top + 1, top + 1}, due: due})
		r.askAt = earlier(r.askAt, due)
	}
	r.top = top
	return true
}

// fill takes a number that has come out of its hole. It reports false if that
// would make too many holes.
func (r *Receiver) fill(now time.Time, number uint64) bool {
	i := r.hole(number)
	h := r.holes[i]
	if number > h.from && number < h.to-1 && len(r.holes) >= maxHoles {
		return false
	}
	if h.tries == 0 {
		r.stats.Late++
	} else {
		r.stats.Repaired++
		r.progress = now
		unknown := r.rtt == 0
		switch {
		case !h.again:
			r.sample(now.Sub(h.asked))
		case r.rtt == 0: // it is not known which request was answered, Karn's algorithm; but it is no longer than that
			r.sample(now.Sub(h.began))
		}
		if unknown && r.rtt > 0 {
			r.begin(now)
		}
		r.revive(now, &h)
		r.mend(number)
	}
	before, after := h, h
	before.to, after.from = number, number+1
	var rest []hole
	for _, part := range [...]hole{before, after} {
		if part.from < part.to {
			rest = append(rest, part)
		}
	}
	r.holes = slices.Replace(r.holes, i, i+1, rest...)
	r.schedule()
	return true
}

// lose takes what is missing of s out of the holes: it will not come.
func (r *Receiver) lose(s span, givenUp bool) {
	kept := make([]hole, 0, len(r.holes)+1)
	var gone []loss
	for _, h := range r.holes {
		cut := span{max(h.from, s.from), min(h.to, s.to)}
		if cut.from >= cut.to {
			kept = append(kept, h)
			continue
		}
		gone = append(gone, loss{span: cut, givenUp: givenUp})
		before, after := h, h
		before.to, after.from = cut.from, cut.to
		for _, part := range [...]hole{before, after} {
			if part.from < part.to {
				kept = append(kept, part)
			}
		}
	}
	r.holes = kept
	for _, l := range gone {
		r.forgo(l)
	}
	r.schedule()
}

// forgo counts what will not come, and tells of it in its turn.
func (r *Receiver) forgo(l loss) {
	if l.givenUp {
		r.stats.GivenUp += l.count()
	} else {
		r.stats.Expired += l.count()
	}
	if r.unordered {
		r.ready = append(r.ready, Ready{From: l.from, To: l.to, GivenUp: l.givenUp})
		return
	}
	i, _ := slices.BinarySearchFunc(r.lost, l.from, func(x loss, n uint64) int { return cmpUint(x.from, n) })
	r.lost = slices.Insert(r.lost, i, l)
}

// giveUp forgoes what was asked for too often in vain; four times as often
// while other repairs come.
func (r *Receiver) giveUp(now time.Time) {
	if r.askAt.IsZero() || now.Before(r.askAt) {
		return
	}
	var given []span
	for _, h := range r.holes {
		if r.inVain(now, &h) {
			given = append(given, h.span)
		}
	}
	for _, s := range given {
		r.lose(s, true)
	}
}

// inVain reports whether a hole was asked for too often.
func (r *Receiver) inVain(now time.Time, h *hole) bool {
	tries := r.config.Tries
	if now.Sub(r.progress) < maxAskWait {
		tries *= 4
	}
	return h.tries >= tries && !now.Before(h.due)
}

// ask returns what to ask for now, the lowest first.
func (r *Receiver) ask(now time.Time) (missing framing.Ranges) {
	if r.askAt.IsZero() || now.Before(r.askAt) || now.Sub(r.askedAt) < askSpacing {
		return nil
	}
	room, inVain := r.askRoom()-r.onTheWay(now), false
	for i := 0; i < len(r.holes) && (room > 0 || i == 0) && missing.Len() < maxRanges; i++ {
		if now.Before(r.holes[i].due) {
			continue
		}
		if r.inVain(now, &r.holes[i]) {
			inVain = true
			continue
		}
		h := r.split(i, uint64(max(1, room)))
		if h.tries == 0 {
			r.stats.Asked += h.count()
			h.began = now
		}
		h.asked, h.due, h.again = now, now.Add(r.patience(h.tries)), h.tries > 0
		h.tries++
		missing = missing.Append(h.from, h.to)
		room -= int(h.count())
	}
	if len(missing) > 0 {
		r.askedAt = now
	}
	r.schedule()
	if !inVain && !r.askAt.IsZero() && !now.Before(r.askAt) {
		r.postpone(now)
	}
	return missing
}

// askRoom returns how many numbers may be asked for at a time: no more than
// there is room for if the first of them does not come.
func (r *Receiver) askRoom() int {
	if r.unordered || r.size == 0 {
		return askWindow
	}
	return min(askWindow, (r.config.HeldBytes-*r.bytes)/r.size)
}

// onTheWay returns how many numbers were asked for and may still come.
func (r *Receiver) onTheWay(now time.Time) (n int) {
	for _, h := range r.holes {
		if h.tries > 0 && now.Before(h.due) {
			n += int(min(h.count(), askWindow))
		}
	}
	return n
}

// split makes the hole at i one of at most so many numbers, and the rest one
// behind it.
func (r *Receiver) split(i int, numbers uint64) *hole {
	if h := r.holes[i]; h.count() > numbers {
		rest := h
		rest.from = h.from + numbers
		r.holes[i].to = rest.from
		r.holes = slices.Insert(r.holes, i+1, rest)
	}
	return &r.holes[i]
}

// schedule finds when the first hole is due.
func (r *Receiver) schedule() {
	r.askAt = time.Time{}
	for _, h := range r.holes {
		r.askAt = earlier(r.askAt, h.due)
	}
}

// postpone finds when the first hole is due that is not now: those that are
// wait for room.
func (r *Receiver) postpone(now time.Time) {
	r.askAt = time.Time{}
	for _, h := range r.holes {
		if now.Before(h.due) {
			r.askAt = earlier(r.askAt, h.due)
		}
	}
	r.askAt = earlier(r.askAt, now.Add(maxAskWait))
}
