package queue

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// attached is all sessions, for what is emitted to Broadcast.
type attached struct {
	mu       sync.Mutex
	last     uint64
	sessions map[*Session]uint64 // in the order of their coming
	listed   []*subscription     // all of them, nil when somebody came or went since
}

func (a *attached) add(s *Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions == nil {
		a.sessions = make(map[*Session]uint64)
	}
	a.last++
	a.sessions[s] = a.last
	a.listed = nil
}

func (a *attached) remove(s *Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sessions, s)
	a.listed = nil
}

// all returns every session, as if it listened.
func (a *attached) all() []*subscription {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listed == nil {
		for _, s := range slices.SortedFunc(maps.Keys(a.sessions), func(x, y *Session) int {
			return cmp.Compare(a.sessions[x], a.sessions[y])
		}) {
			a.listed = append(a.listed, &subscription{session: s, terms: terms{overflow: s.out.overflow}})
		}
	}
	return a.listed
}
