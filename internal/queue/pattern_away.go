package queue

import (
	"errors"

	"rawlab/framing"
)

// The patterns of named clients outlive their sessions, and the server. The
// store keeps one as a topic with that name, which has cursors and no log.
// Every stored topic that matches has a cursor of the client, from its birth.

// register keeps a named client's pattern: what matches is stored from now
// on, with a cursor that the store will not forget.
func (q *Queue) register(pattern, name string, wish framing.Subscribe) error {
	made, err := q.registerLocked(pattern, name, wish)
	if err != nil || !made {
		return err
	}
	return q.store.Sync()
}

func (q *Queue) registerLocked(pattern, name string, wish framing.Subscribe) (made bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.away[pattern][name] == nil {
		if err := q.keepPattern(pattern, name); err != nil {
			return false, err
		}
		made = true
	}
	for _, t := range q.matching(pattern) {
		if err := q.makeStored(t); err != nil {
			return made, err
		}
		if !t.stored.Load() {
			continue
		}
		m, err := t.remember(name, wish)
		made = made || m
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

// keepPattern gives a pattern to the store and remembers it.
func (q *Queue) keepPattern(pattern, name string) error {
	if err := q.rememberPattern(pattern, name); err != nil {
		return err
	}
	err := q.store.Open(pattern, func(uint64, []byte, int) {})
	if err == nil {
		err = q.store.SetCursor(pattern, name, 1)
	}
	return err
}

func (q *Queue) rememberPattern(pattern, name string) error {
	clients := q.away[pattern]
	switch {
	case clients == nil && len(q.away) >= q.maxTopics:
		return &LimitError{"patterns of named clients", q.maxTopics}
	case len(clients) >= q.maxCursors:
		return &LimitError{"named clients of the pattern", q.maxCursors}
	case clients == nil:
		clients = make(map[string]*patternSub)
		q.away[pattern] = clients
	}
	p := &patternSub{pattern: pattern, name: name}
	clients[name] = p
	q.patterns.add(p)
	q.generate()
	return nil
}

// restorePattern makes the subscriptions that the store keeps for a pattern,
// once all its topics are there. A topic without the client's cursor was born
// just before the store lost the cursor: the client has had nothing of it.
func (q *Queue) restorePattern(pattern string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var bad error
	everything := framing.Subscribe{Epoch: q.Epoch() + 1}
	err := q.store.Cursors(pattern, func(client string, _ uint64) {
		bad = errors.Join(bad, q.rememberPattern(pattern, client))
		for _, t := range q.matching(pattern) {
			if bad == nil && t.stored.Load() {
				_, bad = t.remember(client, everything)
			}
		}
	})
	return errors.Join(err, bad)
}

// expect lets everybody whose pattern matches have a place in a topic that
// has just become a stored one. Who is away gets a cursor, who cannot be
// served is disconnected rather than left without. The caller holds q.mu.
func (q *Queue) expect(t *topic) (err error) {
	q.patterns.match(t.name, func(p *patternSub) {
		switch {
		case err != nil:
		case p.session == nil:
			_, err = t.remember(p.name, t.newcomer(p.name))
		default:
			if _, failed := q.joinMatched(t, p, t.newcomer(p.session.name)); failed != nil {
				p.session.End(framing.CodeLimit, failed.Error())
			}
		}
	})
	return err
}

// roomForAway returns an error when a topic could not hold the cursors of all
// named clients that are away and expect it.
func (q *Queue) roomForAway(t *topic) error {
	n := 0
	q.patterns.match(t.name, func(p *patternSub) {
		if p.session == nil {
			n++
		}
	})
	if n > q.maxCursors {
		return &LimitError{"named clients of the topic", q.maxCursors}
	}
	return nil
}
