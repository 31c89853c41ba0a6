package queue

import (
	"fmt"
	"sync"
	"sync/atomic"

	"rawlab/internal/clock"
	"rawlab/internal/queue/fates"
	"rawlab/internal/queue/memory"
)

// Policy says what happens to an event that nobody is there for.
type Policy uint8

// The policies of a topic.
const (
	PolicyIgnore Policy = iota // it is gone, with the fate offline
	PolicyStore                // it is kept in the topic's log
)

// String returns the policy's name on the command line.
func (p Policy) String() string {
	if p == PolicyStore {
		return "store"
	}
	return "ignore"
}

// ParsePolicy returns the policy of that name.
func ParsePolicy(name string) (Policy, error) {
	for _, p := range []Policy{PolicyIgnore, PolicyStore} {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown policy %q: ignore or store", name)
}

// Defaults of [Config].
const (
	DefaultMaxTopics  = 65_536
	DefaultMaxCursors = 4096
)

// LimitError says that something was refused because it would go over a bound.
type LimitError struct {
	What  string // in the plural: "topics"
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many %s: at most %d", e.What, e.Limit)
}

// Config configures a queue. The zero value works.
type Config struct {
	Clock      clock.Clock       // default clock.Real
	Store      Store             // default memory.New(0)
	Topics     map[string]Policy // policies that listening does not change; others start as ignore
	Retention  Retention         // of each stored topic
	MaxTopics  int               // listened to or stored, default DefaultMaxTopics
	MaxCursors int               // named clients of a topic, default DefaultMaxCursors
	Trace      func(TraceEvent)  // told of events that expire while their client is away
}

// Queue is the topics of one or several servers. It is safe for concurrent use.
type Queue struct {
	clock      clock.Clock
	store      Store
	shared     Shared // the store, if other servers have it too
	retention  Retention
	maxTopics  int
	maxCursors int
	meter      *Meter
	book       *fates.Book

	all        *topic // Broadcast
	attached   attached
	requests   requests
	origins    origins
	sessions   atomic.Uint64 // attached so far
	generation atomic.Uint64 // of patterns, see topic.listeners; 0 while there are none
	gathered   atomic.Int64  // subscriptions in audiences

	mu             sync.RWMutex
	topics         map[string]*topic
	opened         int // topics that somebody uses, or that are stored
	passing        int // topics made for patterns alone since the last sweep
	passingLimit   int // of passing, maxPassing if 0
	patterns       patternTree
	away           map[string]map[string]*patternSub // of named clients, by pattern and name
	lastGeneration uint64
}

// New returns a queue with the store's topics and those of the
// configuration. It fails when the store does, or holds too many topics.
func New(config *Config) (*Queue, error) {
	var c Config
	if config != nil {
		c = *config
	}
	q := &Queue{
		clock:      clock.Or(c.Clock),
		store:      c.Store,
		retention:  c.Retention.orDefault(),
		maxTopics:  positive(c.MaxTopics, DefaultMaxTopics),
		maxCursors: positive(c.MaxCursors, DefaultMaxCursors),
		topics:     make(map[string]*topic),
		away:       make(map[string]map[string]*patternSub),
	}
	q.book = fates.NewBook(q.clock)
	q.meter = q.NewMeter(c.Clock, c.Trace)
	if q.store == nil {
		q.store = memory.New(0)
	}
	q.all = newTopic(q, Broadcast)
	q.all.fixed, q.all.users = true, 1
	q.topics[Broadcast] = q.all
	if err := q.load(c.Topics); err != nil {
		return q, err
	}
	return q, q.watch()
}

func positive(v, fallback int) int {
	if v <= 0 {
		return fallback
	}
	return v
}

// load makes the topics known from the start, which stay for good, and the
// patterns of named clients.
func (q *Queue) load(policies map[string]Policy) error {
	var patterns []string
	for _, name := range q.store.Topics() {
		if IsPattern(name) {
			patterns = append(patterns, name)
			continue
		}
		_, err := q.open(name, true)
		if err == nil {
			err = q.origins.restore(q.store, name)
		}
		if err != nil {
			return err
		}
	}
	for _, pattern := range patterns {
		if err := q.restorePattern(pattern); err != nil {
			return err
		}
	}
	for name, policy := range policies {
		if err := CheckTopic(name); err != nil {
			return err
		}
		if name == Broadcast {
			return &PatternError{name, 1, "what goes to everybody who is connected has no policy"}
		}
		t, err := q.open(name, policy == PolicyStore)
		if err != nil {
			return err
		}
		t.fixed = true
		t.stored.Store(policy == PolicyStore)
	}
	return nil
}

// open returns the topic of that name, made if need be, and counts its user
// until release. With store it becomes a stored one, unless it is fixed.
func (q *Queue) open(name string, store bool) (*topic, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.openLocked(name, store)
}

func (q *Queue) openLocked(name string, store bool) (*topic, error) {
	t := q.topics[name]
	if fresh := t == nil || t.idle(); fresh {
		if q.opened >= q.maxTopics {
			return nil, &LimitError{"topics", q.maxTopics}
		}
		if t == nil {
			t = newTopic(q, name)
			store = store || q.awaited(name)
		}
		q.opened++
	}
	t.users++
	q.topics[name] = t
	if store {
		if err := q.makeStored(t); err != nil {
			q.releaseLocked(t)
			return nil, err
		}
	}
	return t, nil
}

// makeStored makes a topic a stored one, unless its policy was set.
func (q *Queue) makeStored(t *topic) error {
	if t.fixed || t.stored.Load() {
		return nil
	}
	if err := q.roomForAway(t); err != nil {
		return err
	}
	if t.idle() {
		q.opened++
	}
	if err := t.becomeStored(); err != nil {
		return err
	}
	return q.expect(t)
}

// release forgets a topic whose last user left and that keeps nothing.
func (q *Queue) release(t *topic) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.releaseLocked(t)
}

func (q *Queue) releaseLocked(t *topic) {
	t.users--
	if t.idle() {
		q.opened--
		delete(q.topics, t.name)
	}
}

// find returns the topic of that name, nil if nobody made one and no pattern
// matches it. It fails when nothing can be emitted there.
func (q *Queue) find(name []byte) (*topic, error) {
	q.mu.RLock()
	t := q.topics[string(name)]
	q.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	if err := CheckTopic(string(name)); err != nil {
		return nil, err
	}
	if q.generation.Load() == 0 {
		return nil, nil
	}
	return q.findMatching(string(name))
}

// Epoch names the life of the logs.
func (q *Queue) Epoch() uint64 { return q.store.Epoch() }

// Dropped returns how many stored events expired before a client that was
// away came for them, once for each such client.
func (q *Queue) Dropped() map[Fate]uint64 { return q.meter.Dropped() }

// Close closes the store. No session may be attached any more.
func (q *Queue) Close() error { return q.store.Close() }
