package queue

import (
	"container/list"
	"slices"
	"sync"

	"rawlab/framing"
)

// Bounds of what is remembered of the numbers of events.
const (
	maxIdleStreams = 1 << 18 // of origins that are not connected
	maxHoles       = 64      // of a stream; of more, the oldest count as seen
)

// origins is what the origins of events have been numbered up to, also of
// those that may come back. Those that were gone first are forgotten first.
type origins struct {
	mu       sync.Mutex
	known    map[uint64]*seen
	idle     list.List // of *seen without a session, the oldest first
	idleSize int       // their streams
	limit    int       // of idleSize, maxIdleStreams if 0
}

// seen is which events of one origin have been accepted, so that a client
// that comes back may emit what was not acknowledged once more, and nothing
// is delivered twice.
type seen struct {
	origin   uint64
	sessions []*Session    // guarded by origins.mu
	place    *list.Element // in origins.idle

	mu      sync.Mutex
	streams map[uint16]*numbers
	last    *numbers // of the last call, to save the look-up
	stream  uint16
}

// numbers is those up to, not including, next, but for the holes.
type numbers struct {
	next  uint64
	holes []span
}

// span is from up to, not including, to.
type span struct{ from, to uint64 }

// open returns what is known of an origin, for a session.
func (o *origins) open(origin uint64, s *Session) *seen {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.find(origin)
	if n.place != nil {
		o.idle.Remove(n.place)
		n.place = nil
		o.idleSize -= len(n.streams)
	}
	n.sessions = append(n.sessions, s)
	return n
}

func (o *origins) find(origin uint64) *seen {
	n := o.known[origin]
	if n == nil {
		if o.known == nil {
			o.known = make(map[uint64]*seen)
		}
		n = &seen{origin: origin, streams: make(map[uint16]*numbers)}
		o.known[origin] = n
	}
	return n
}

// close keeps what is known for the origin's return, as far as there is room.
func (o *origins) close(n *seen, s *Session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n.sessions = slices.DeleteFunc(n.sessions, func(x *Session) bool { return x == s })
	if len(n.sessions) == 0 {
		o.rest(n)
	}
}

func (o *origins) rest(n *seen) {
	if len(n.streams) == 0 {
		delete(o.known, n.origin)
		return
	}
	n.place = o.idle.PushBack(n)
	o.idleSize += len(n.streams)
	for o.idleSize > positive(o.limit, maxIdleStreams) {
		oldest := o.idle.Remove(o.idle.Front()).(*seen)
		o.idleSize -= len(oldest.streams)
		delete(o.known, oldest.origin)
	}
}

// restore takes over what a store remembers of a topic.
func (o *origins) restore(store Store, topic string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return store.Origins(topic, func(origin, sequence uint64) {
		n := o.find(origin)
		if n.place != nil {
			o.idle.Remove(n.place)
			o.idleSize -= len(n.streams)
		}
		stream, number := framing.SplitSequence(sequence)
		if known := n.streams[stream]; known == nil || known.next <= number {
			n.streams[stream] = &numbers{next: number + 1}
		}
		o.rest(n)
	})
}

// others returns the origin's sessions but s.
func (o *origins) others(n *seen, s *Session) []*Session {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.sessions), func(x *Session) bool { return x == s })
}

// accept notes count events from a sequence on, and reports whether all of
// them are new. If not, nothing is noted: sift tells which are.
func (n *seen) accept(sequence uint64, count int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, number := n.find(sequence)
	if number < at.next {
		return false
	}
	if number > at.next {
		at.miss(span{at.next, number})
	}
	at.next = number + uint64(count)
	return true
}

// find returns the numbers of a sequence's stream, and its own.
func (n *seen) find(sequence uint64) (*numbers, uint64) {
	stream, number := framing.SplitSequence(sequence)
	if n.last != nil && n.stream == stream {
		return n.last, number
	}
	at := n.streams[stream]
	if at == nil {
		at = &numbers{next: number}
		n.streams[stream] = at
	}
	n.last, n.stream = at, stream
	return at, number
}

// sift notes count events from a sequence on, and returns which are new.
func (n *seen) sift(sequence uint64, count int) (fresh []span) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, number := n.find(sequence)
	base, end := sequence-number, number+uint64(count)
	for _, s := range at.fill(span{number, end}) {
		fresh = append(fresh, span{base + s.from, base + s.to})
	}
	return fresh
}

// fill marks what of s is not seen yet as seen, and returns it.
func (n *numbers) fill(s span) (fresh []span) {
	var left []span
	for _, hole := range n.holes {
		common := span{max(hole.from, s.from), min(hole.to, s.to)}
		if common.from >= common.to {
			left = append(left, hole)
			continue
		}
		fresh = append(fresh, common)
		for _, rest := range []span{{hole.from, common.from}, {common.to, hole.to}} {
			if rest.from < rest.to {
				left = append(left, rest)
			}
		}
	}
	n.holes = left
	if s.to > n.next {
		if s.from > n.next {
			n.miss(span{n.next, s.from})
		}
		fresh = append(fresh, span{max(s.from, n.next), s.to})
		n.next = s.to
	}
	return fresh
}

// miss adds a hole.
func (n *numbers) miss(s span) {
	n.holes = append(n.holes, s)
	if len(n.holes) > maxHoles {
		n.holes = n.holes[1:]
	}
}

// forget makes events that were refused ones that may come again: their
// sender may not have been told.
func (n *seen) forget(from, to uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, number := n.find(from)
	at.miss(span{number, min(number+to-from, at.next)})
}

// publishNew delivers those events of a run that have not been accepted
// before. What another session of the origin has accepted may still be on its
// way into a store, which may refuse it: that is waited for.
func (s *Session) publishNew(f *framing.Run, alone bool) {
	for _, other := range s.q.origins.others(s.seen, s) {
		other.Settle()
	}
	frames, sequence, old := f.Frames, f.Sequence, f.Count
	for _, fresh := range s.seen.sift(f.Sequence, f.Count) {
		frames = frames[sizeOf(frames, int(fresh.from-sequence)):]
		count := int(fresh.to - fresh.from)
		n := sizeOf(frames, count)
		part := framing.Run{Frames: frames[:n], Count: count, Origin: f.Origin, Sequence: fresh.from, Topic: f.Topic}
		s.publishRun(&part, alone)
		frames, sequence, old = frames[n:], fresh.to, old-count
	}
	s.meter.duplicates.Add(uint64(old))
}

// sizeOf returns the bytes of the first count frames.
func sizeOf(frames []byte, count int) (bytes int) {
	for range count {
		n, err := framing.Peek(frames[bytes:], len(frames)-bytes)
		if err != nil {
			panic("queue: own frame unreadable: " + err.Error())
		}
		bytes += n
	}
	return bytes
}

// isNew notes one event, and reports whether it has not been accepted before.
func (s *Session) isNew(sequence uint64) bool {
	if s.seen == nil || s.seen.accept(sequence, 1) {
		return true
	}
	for _, other := range s.q.origins.others(s.seen, s) {
		other.Settle()
	}
	if len(s.seen.sift(sequence, 1)) > 0 {
		return true
	}
	s.meter.duplicates.Add(1)
	return false
}
