package queue

import (
	"rawlab/framing"
)

// What another server does in a store that both share, this one does too: it
// keeps the topics that the other has made stored ones, expects the named
// clients that the other knows, and remembers the numbers of events that came
// through the other.

// watch follows the other servers of a shared store.
func (q *Queue) watch() error {
	shared, ok := q.store.(Shared)
	if !ok {
		return nil
	}
	q.shared = shared
	return shared.Watch(q.openedElsewhere, q.movedElsewhere)
}

// place is prepare, once it is known what other servers did to the topic.
func (q *Queue) place(t *topic, name string, resume framing.Subscribe) (made bool, err error) {
	if q.shared != nil && t.stored.Load() {
		if err := q.shared.Refresh(t.name); err != nil {
			return false, err
		}
	}
	return t.prepare(name, resume)
}

// refreshPattern catches up with what other servers did to a pattern's topics.
func (q *Queue) refreshPattern(pattern string) error {
	if q.shared == nil {
		return nil
	}
	if err := q.shared.Refresh(); err != nil { // there may be more of them
		return err
	}
	q.mu.RLock()
	var names []string
	for _, t := range q.matching(pattern) {
		if t.stored.Load() {
			names = append(names, t.name)
		}
	}
	q.mu.RUnlock()
	return q.shared.Refresh(names...)
}

// openedElsewhere makes a topic a stored one, because it is one elsewhere.
func (q *Queue) openedElsewhere(name string) error {
	if IsPattern(name) {
		return nil // movedElsewhere says whose it is
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.topics[name]; t != nil && (t.stored.Load() || t.fixed) {
		return nil
	}
	_, err := q.openLocked(name, true)
	return err
}

// movedElsewhere notes how far a named client has come, or that it listens to
// a pattern.
func (q *Queue) movedElsewhere(name, client string, next uint64) error {
	if IsPattern(name) {
		return q.expectElsewhere(name, client)
	}
	q.mu.RLock()
	t := q.topics[name]
	q.mu.RUnlock()
	if t == nil || !t.stored.Load() {
		return nil // it looks for itself when it opens the topic
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.cursors[client]; !ok || known < next {
		t.cursors[client] = next
	}
	return nil
}

// expectElsewhere expects a client that listens to a pattern elsewhere: what
// matches is stored from now on.
func (q *Queue) expectElsewhere(pattern, client string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.away[pattern][client] != nil {
		return nil
	}
	if err := q.rememberPattern(pattern, client); err != nil {
		return err
	}
	for _, t := range q.matching(pattern) {
		if err := q.makeStored(t); err != nil {
			return err
		}
	}
	return nil
}

// newcomer says where a client begins in a topic that has just become a stored
// one. In a shared store others may have put events there meanwhile: they are
// for the client too, unless it is known how far it has come.
func (t *topic) newcomer(client string) framing.Subscribe {
	if t.q.shared == nil {
		return framing.Subscribe{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.cursors[client]; known {
		return framing.Subscribe{}
	}
	return framing.Subscribe{Epoch: t.q.Epoch() + 1}
}

// hear notes the numbers of events that are in a log, through whichever
// server they came.
func (o *origins) hear(frames []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var from, next framing.Frame
	count := 0
	for f := range each(frames) {
		if count > 0 && f.Origin == next.Origin && f.Sequence == next.Sequence {
			next.Sequence++
			count++
			continue
		}
		o.note(from.Origin, from.Sequence, count)
		from, next, count = f, f, 1
		next.Sequence++
	}
	o.note(from.Origin, from.Sequence, count)
}

// note notes events of an origin, connected or not. The caller holds mu.
func (o *origins) note(origin, sequence uint64, count int) {
	if count == 0 {
		return
	}
	n := o.find(origin)
	if len(n.sessions) > 0 {
		n.sift(sequence, count)
		return
	}
	if n.place != nil {
		o.idle.Remove(n.place)
		n.place = nil
		o.idleSize -= len(n.streams)
	}
	n.sift(sequence, count)
	o.rest(n)
}
