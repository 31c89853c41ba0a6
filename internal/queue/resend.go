package queue

import (
	"maps"
	"slices"

	"rawlab/framing"
)

// Resend puts what the client has not acknowledged of stored topics on its way
// once more, in order, as redelivered: what was sent may have gone to where
// the client is no longer. What it wants at most once is not sent again. It
// belongs to the goroutine that calls Take.
func (s *Session) Resend() {
	back := make(map[string]rewound)
	for _, u := range s.stored() {
		if queued, some := u.rewind(); some {
			back[u.topic.name] = rewound{u, queued}
		}
	}
	waited := s.out.withdraw(func(topic string) bool { return back[topic].subscription != nil })
	for _, name := range slices.Sorted(maps.Keys(back)) {
		back[name].release(waited[name])
	}
}

// rewound is a subscription that went back.
type rewound struct {
	*subscription
	queued bool // it stands among the laggards
}

// stored returns how the session listens to topics, those of its patterns
// included.
func (s *Session) stored() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.subs))
	s.q.mu.RLock()
	defer s.q.mu.RUnlock()
	return slices.AppendSeq(all, maps.Values(s.matched))
}

// rewind goes back to the first event not acknowledged, if there is some, and
// reports whether it stood among the laggards. Until release nothing is put
// into the outbox.
func (u *subscription) rewind() (queued, some bool) {
	u.topic.mu.Lock()
	defer u.topic.mu.Unlock()
	if u.gone || !u.topic.stored.Load() || u.delivery == framing.AtMostOnce || u.acked >= u.next {
		return false, false
	}
	u.resent = max(u.resent, u.next)
	u.next, u.window = u.acked, u.acked
	queued = u.lagging && !u.held
	u.lagging, u.held = true, false
	return queued, true
}

// release lets events come again from where rewind went. Waited is the first
// offset that had not left the outbox, 0 if all had: it is not redelivered.
func (r rewound) release(waited uint64) {
	r.topic.mu.Lock()
	defer r.topic.mu.Unlock()
	if waited > 0 {
		r.resent = min(r.resent, waited)
	}
	if !r.queued && !r.gone {
		r.lag()
	}
}

// withdraw takes the events of some stored topics back that wait to leave, and
// returns the first offset of each.
func (o *outbox) withdraw(of func(topic string) bool) (first map[string]uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first = make(map[string]uint64)
	var rest lane
	waiting := o.kept.buf[o.kept.head:]
	for f, n := range each(waiting) {
		if of(string(f.Topic)) {
			if first[string(f.Topic)] == 0 {
				first[string(f.Topic)] = f.Offset
			}
		} else {
			rest.put(waiting[:n], 1)
		}
		waiting = waiting[n:]
	}
	o.kept = rest
	return first
}
