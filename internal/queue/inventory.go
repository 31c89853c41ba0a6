package queue

import (
	"maps"
	"slices"
	"strings"
)

// TopicState is what a topic is at one moment.
type TopicState struct {
	Name        string        `json:"name"`
	Policy      string        `json:"policy"` // ignore or store
	First       uint64        `json:"first"`  // oldest offset in the log
	Next        uint64        `json:"next"`   // offset to come; the same as First if the log is empty
	Bytes       int64         `json:"bytes"`  // of frames in the log
	Subscribers int           `json:"subscribers"`
	Cursors     []CursorState `json:"cursors"`        // of named clients, by name, maxCursorsTold at most
	CursorCount int           `json:"cursors_in_all"` // how many there are
}

// Depth returns how many events the log holds.
func (t *TopicState) Depth() uint64 { return t.Next - t.First }

// CursorState is how far a named client has come.
type CursorState struct {
	Client  string `json:"client"`
	Next    uint64 `json:"next"`    // the first offset that it has not acknowledged
	Present bool   `json:"present"` // it listens now
}

// Lag returns how many events of the log the client has not acknowledged.
func (c *CursorState) Lag(t *TopicState) uint64 { return t.Next - min(t.Next, max(c.Next, t.First)) }

// maxCursorsTold bounds the cursors of one topic in an inventory.
const maxCursorsTold = 100

// Inventory returns the states of up to limit topics whose names come after
// one, in their order, and whether there are more. See nil lets all be seen.
func (q *Queue) Inventory(after string, limit int, see func(topic []byte) bool) (states []TopicState, more bool) {
	for _, t := range q.topicsAfter(after) {
		if see != nil && !see([]byte(t.name)) {
			continue
		}
		if len(states) == limit {
			return states, true
		}
		states = append(states, t.state())
	}
	return states, false
}

// topicsAfter returns the topics of users whose names come after one, by name.
func (q *Queue) topicsAfter(after string) []*topic {
	q.mu.RLock()
	defer q.mu.RUnlock()
	var names []string
	for name := range q.topics {
		if name > after && !strings.HasPrefix(name, "$") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	topics := make([]*topic, len(names))
	for i, name := range names {
		topics[i] = q.topics[name]
	}
	return topics
}

func (t *topic) state() TopicState {
	s := TopicState{Name: t.name, Policy: PolicyIgnore.String(), First: 1, Next: 1, Cursors: []CursorState{}}
	if !t.stored.Load() {
		s.Subscribers = len(t.listeners())
		return s
	}
	s.Policy = PolicyStore.String()
	s.First, s.Next = t.q.store.Bounds(t.name)
	if sized, ok := t.q.store.(interface{ Bytes(topic string) int64 }); ok {
		s.Bytes = sized.Bytes(t.name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Subscribers, s.CursorCount = len(t.subscribers()), len(t.cursors)
	for _, name := range slices.Sorted(maps.Keys(t.cursors))[:min(len(t.cursors), maxCursorsTold)] {
		s.Cursors = append(s.Cursors, CursorState{Client: name, Next: t.cursors[name], Present: t.present(name)})
	}
	return s
}

// Totals are the sums over all topics, for who counts them often.
type Totals struct {
	Topics, Stored int
	Depth          uint64 // events in all logs
	Bytes          int64  // of frames in all logs
	Lag            uint64 // events not acknowledged, over all cursors
	First          []TopicTotals
}

// TopicTotals are a stored topic's part.
type TopicTotals struct {
	Name       string
	Depth, Lag uint64 // Lag is that of the client furthest behind
}

// Totals returns the sums over all topics, and the part of the first stored
// ones by name.
func (q *Queue) Totals(first int) (sum Totals) {
	for _, t := range q.topicsAfter("") {
		sum.Topics++
		if !t.stored.Load() {
			continue
		}
		s := t.state()
		sum.Stored++
		sum.Depth += s.Depth()
		sum.Bytes += s.Bytes
		furthest := uint64(0)
		t.mu.Lock()
		for _, next := range t.cursors {
			c := CursorState{Next: next}
			sum.Lag += c.Lag(&s)
			furthest = max(furthest, c.Lag(&s))
		}
		t.mu.Unlock()
		if len(sum.First) < first {
			sum.First = append(sum.First, TopicTotals{t.name, s.Depth(), furthest})
		}
	}
	return sum
}
