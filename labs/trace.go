package labs

import (
	"sync"

	"rawlab/capture/account"
	"rawlab/internal/queue"
)

// serverTrace notes what the server says of each event.
type serverTrace struct {
	mu    sync.Mutex
	seen  map[account.ID]account.ServerRecord
	count int
	bad   int64 // frames that could not be read

	strange int64 // events that came from an address without a session
	several bool  // there are several subscribers
}

func newServerTrace(events int) *serverTrace {
	return &serverTrace{seen: make(map[account.ID]account.ServerRecord, events)}
}

func (t *serverTrace) note(e queue.TraceEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := account.ID{Origin: e.Origin, Sequence: e.Sequence}
	if e.Stage == queue.Dropped && e.Fate == queue.FateFrameInvalid {
		t.bad++
	}
	if e.Stage == queue.Dropped && e.Fate == queue.FateUnauthorized {
		t.strange++
	}
	r := t.seen[id]
	switch e.Stage {
	case queue.Received:
		r.Read++
		t.count++
	case queue.Dropped:
		if t.several && e.Subscriber != 0 {
			if r.Dropped == nil {
				r.Dropped = map[uint64]account.Fate{}
			}
			r.Dropped[e.Subscriber] = account.Fate(e.Fate)
			break
		}
		r.Fate = account.Fate(e.Fate)
	}
	t.seen[id] = r
}

func (t *serverTrace) read() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

func (t *serverTrace) records() map[account.ID]account.ServerRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// strangers counts the events that came from an address without a session.
func (t *serverTrace) strangers() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.strange
}

// unreadable counts the frames that the server could not read.
func (t *serverTrace) unreadable() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bad
}
