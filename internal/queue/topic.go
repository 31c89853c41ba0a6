package queue

import (
	"slices"
	"sync"
	"sync/atomic"

	"rawlab/framing"
)

// topic is one topic's subscribers and, if it is stored, its place in the store.
type topic struct {
	q        *Queue
	name     string
	fixed    bool // the policy was set: listening does not change it
	users    int  // guarded by q.mu
	stored   atomic.Bool
	broken   atomic.Pointer[error]           // the log cannot be trimmed, so it may not grow
	subs     atomic.Pointer[[]*subscription] // replaced under mu, read without
	audience atomic.Pointer[audience]        // of an ignored topic: subs and those who listen to patterns

	trimming sync.Mutex // held by who trims; before mu
	mu       sync.Mutex
	next     uint64            // offset to come
	cursors  map[string]uint64 // of named clients: the next offset each wants
	tried    map[string]tried  // of named clients: how often they were sent what they want next
	plain    []byte            // scratch: a run with offsets
	sealed   []byte            // scratch: the same with checksums
}

// subscription is one session listening to one topic. Fields after topic are
// guarded by topic.mu.
type subscription struct {
	session *Session
	topic   *topic

	receipt  framing.Receipt
	next     uint64 // offset to put into the outbox next
	window   uint64 // where the replay window starts: acked, or further if acks were not waited for
	acked    uint64 // the first offset not acknowledged or given up
	resent   uint64 // offsets before this one have been on their way before, see Resend
	replayTo uint64 // offsets before this one came while the client was away
	terms           // fixed
	overdue
	lagging bool // to be filled from the log
	gone    bool
	end     uint64 // of one that is gone: offsets from here on were not for it
}

func newTopic(q *Queue, name string) *topic {
	t := &topic{q: q, name: name, next: 1}
	t.subs.Store(new([]*subscription))
	return t
}

func (t *topic) subscribers() []*subscription { return *t.subs.Load() }

// becomeStored opens the topic's log. Events on their way at this moment are
// still delivered as ignored ones.
func (t *topic) becomeStored() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.q.store.Open(t.name, t.grow); err != nil {
		return err
	}
	t.cursors = make(map[string]uint64)
	err := t.q.store.Cursors(t.name, func(client string, next uint64) { t.cursors[client] = next })
	if err != nil {
		return err
	}
	_, t.next = t.q.store.Bounds(t.name)
	for _, sub := range t.subscribers() {
		sub.next, sub.window, sub.acked = t.next, t.next, t.next
	}
	t.stored.Store(true)
	return nil
}

// append gives a run to the log, and makes room for it. Done is told when it
// is safe, or why it was refused.
func (t *topic) append(frames []byte, count int, done func(frames []byte, err error)) {
	if err := t.broken.Load(); err != nil {
		done(frames, *err)
		return
	}
	t.q.store.Append(t.name, t.q.clock.Now(), frames, count, done)
	if err := t.trim(); err != nil {
		t.broken.Store(&err)
	}
}

// grow hands what is safe in the log to the subscribers that keep up.
func (t *topic) grow(first uint64, frames []byte, count int) {
	if t.q.shared != nil {
		t.q.origins.hear(frames)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = first + uint64(count)
	t.plain, t.sealed = t.plain[:0], t.sealed[:0]
	for _, sub := range t.subscribers() {
		t.pass(sub, frames, first, count)
	}
}

// pass hands a run to one subscriber, which lags from now on if its outbox
// is full.
func (t *topic) pass(sub *subscription, frames []byte, first uint64, count int) {
	if sub.lagging || sub.gone {
		return
	}
	if sub.next != first || sub.free(count) < count || !sub.session.out.putKept(t.encode(frames, first, sub.session.checksum), count) {
		sub.lag()
		return
	}
	sub.next = first + uint64(count)
	sub.sent(first)
}

// encode returns frames with offsets, encoded once for all subscribers of
// the same kind.
func (t *topic) encode(frames []byte, first uint64, checksum bool) []byte {
	if checksum {
		if len(t.sealed) == 0 {
			t.sealed = number(t.sealed, frames, first, framing.FlagOffset|framing.FlagCRC)
		}
		return t.sealed
	}
	if len(t.plain) == 0 {
		t.plain = number(t.plain, frames, first, framing.FlagOffset)
	}
	return t.plain
}

func number(dst, frames []byte, offset uint64, flags framing.Flags) []byte {
	for f := range each(frames) {
		f.Flags, f.Offset = flags, offset
		dst = mustAppend(dst, &f)
		offset++
	}
	return dst
}

func (u *subscription) lag() {
	u.lagging = true
	u.session.out.lag(u)
}

// heardBy returns how a session listens to the topic, nil if it does not.
func (t *topic) heardBy(s *Session) *subscription {
	for _, u := range t.subscribers() {
		if u.session == s {
			return u
		}
	}
	return nil
}

func (t *topic) present(name string) bool {
	return slices.ContainsFunc(t.subscribers(), func(u *subscription) bool { return u.session.name == name })
}

// leave ends a subscription; the cursor of a named client stays.
func (t *topic) leave(sub *subscription) {
	t.mu.Lock()
	sub.gone, sub.end = true, t.next
	sub.rest()
	t.mu.Unlock()
	if t.stored.Load() && sub.session.name == "" {
		sub.giveUp()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(t.subscribers()), func(u *subscription) bool { return u == sub })
	t.subs.Store(&left)
}

// giveUp counts what the log still had for an anonymous subscriber, who has
// no cursor to come back to.
func (u *subscription) giveUp() {
	for {
		from, frames, count, err := u.read(func(uint64) framing.Flags { return 0 })
		if err != nil || count == 0 {
			return
		}
		u.topic.mu.Lock()
		if u.next == from {
			u.session.meter.expect(frames, count, 1)
			u.session.meter.dropAll(FateConnectionLost, frames, count, u.session.origin)
			u.next += uint64(count)
		}
		u.topic.mu.Unlock()
	}
}
