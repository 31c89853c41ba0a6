package wire

// queues are the shapers of one direction: the link's own, and those of rules
// that have a rate, a queue or an AQM of their own.
type queues struct {
	all    []*shaper // the link's first
	byRule []*shaper
	holds  *Impairment // what the link's obeys
}

// set starts anew for an impairment. What the link's shaper has on its line
// stays there.
func (q *queues) set(i *Impairment) {
	if len(q.all) == 0 {
		q.all = []*shaper{{}}
	}
	link := q.all[0]
	link.limits, q.holds = i.limits(), nil
	q.all, q.byRule = []*shaper{link}, nil
	for n := range i.Rules {
		s := link
		if l := i.Rules[n].Impairment.limits(); l != link.limits {
			s = &shaper{limits: l}
			q.all = append(q.all, s)
		}
		q.byRule = append(q.byRule, s)
	}
}

// changes tells whether the link is to obey other limits than it does, as a
// schedule may ask for.
func (q *queues) changes(holds *Impairment) bool {
	if holds == q.holds {
		return false
	}
	q.holds = holds
	return holds.limits() != q.all[0].limits
}

// of returns the shaper of the packets that a rule decided, -1 for none.
func (q *queues) of(rule int) *shaper {
	if rule < 0 {
		return q.all[0]
	}
	return q.byRule[rule]
}

// limited reports whether packets may have to wait for the link.
func (q *queues) limited() bool { return q.all[0].rate > 0 }
