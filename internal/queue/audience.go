package queue

// Bounds of what is kept to find the listeners of a topic quickly.
const (
	maxPassing  = 1 << 16 // topics that nobody but patterns listens to
	maxAudience = 1 << 22 // subscriptions in all audiences: 32 MiB
)

// audience is who listens to an ignored topic, by its name or by a pattern:
// each session once. It holds for one generation of patterns, and one list of
// those who listen by name.
type audience struct {
	generation uint64
	own        *[]*subscription
	all        []*subscription
}

// audience returns who gets an event of an ignored topic. While nobody comes
// or goes, that is a look at what was found out before.
func (t *topic) listeners() []*subscription {
	own, generation := t.subs.Load(), t.q.generation.Load()
	if generation == 0 {
		return *own
	}
	if a := t.audience.Load(); a != nil && a.generation == generation && a.own == own {
		return a.all
	}
	return t.gather(own, generation)
}

// gather finds out who listens to an ignored topic.
func (t *topic) gather(own *[]*subscription, generation uint64) []*subscription {
	q := t.q
	heard := make(map[*Session]bool, len(*own))
	all := (*own)[:len(*own):len(*own)]
	for _, sub := range all {
		heard[sub.session] = true
	}
	q.mu.RLock()
	q.patterns.match(t.name, func(p *patternSub) {
		if p.session != nil && !heard[p.session] {
			heard[p.session] = true
			all = append(all, p.live)
		}
	})
	q.mu.RUnlock()
	t.audience.Store(&audience{generation, own, all})
	if q.gathered.Add(int64(len(all))) > maxAudience {
		q.scatter()
	}
	return all
}

// scatter forgets all audiences: they are found out again when needed.
func (q *Queue) scatter() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gathered.Store(0)
	for _, t := range q.topics {
		t.audience.Store(nil)
	}
}

// findMatching returns the topic of a name that nobody made yet, if a pattern
// matches it: made and, for a named client's pattern, stored.
func (q *Queue) findMatching(name string) (*topic, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.topics[name]; t != nil {
		return t, nil
	}
	heard := false
	q.patterns.match(name, func(*patternSub) { heard = true })
	switch {
	case !heard:
		return nil, nil
	case q.awaited(name):
		return q.openLocked(name, true)
	}
	if q.passing >= positive(q.passingLimit, maxPassing) {
		q.sweep()
	}
	t := newTopic(q, name)
	q.topics[name] = t
	q.passing++
	return t, nil
}

// awaited reports whether a named client's pattern matches a topic.
func (q *Queue) awaited(name string) (named bool) {
	q.patterns.match(name, func(p *patternSub) { named = named || p.name != "" })
	return named
}

// sweep forgets the topics that nobody but patterns listens to.
func (q *Queue) sweep() {
	for name, t := range q.topics {
		if t.idle() {
			delete(q.topics, name)
		}
	}
	q.passing = 0
}

// idle reports whether nothing is lost when the topic is forgotten. The
// caller holds q.mu.
func (t *topic) idle() bool { return t.users == 0 && !t.stored.Load() }
