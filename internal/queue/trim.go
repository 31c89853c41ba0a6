package queue

import "time"

// trim lets go of what retention no longer keeps. For every client that has
// not come for it, it has expired. The log is read without the topic's lock,
// so that nobody else waits for a disk.
func (t *topic) trim() error {
	t.trimming.Lock()
	defer t.trimming.Unlock()
	r := t.q.retention
	var before time.Time
	if r.Age > 0 {
		before = t.q.clock.Now().Add(-r.Age)
	}
	to, err := t.q.store.Excess(t.name, r.Count, r.Bytes, before)
	if err != nil {
		return err
	}
	for {
		first, _ := t.q.store.Bounds(t.name)
		if first >= to {
			return nil
		}
		if done, err := t.dropUnmissed(to); done || err != nil {
			return err
		}
		if err := t.expire(first, to); err != nil {
			return err
		}
	}
}

// dropUnmissed drops everything before an offset, unless somebody misses it.
func (t *topic) dropUnmissed(to uint64) (dropped bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sub := range t.subscribers() {
		if sub.misses(to - 1) {
			return false, nil
		}
	}
	for name, next := range t.cursors {
		if next < to && !t.present(name) {
			return false, nil
		}
	}
	return true, t.q.store.Trim(t.name, to)
}

// expire drops the events from first up to an offset, some at a time, and
// counts each for whoever misses it.
func (t *topic) expire(first, to uint64) error {
	var frames []byte
	end := first
	err := t.q.store.Read(t.name, first, func(offset uint64, frame []byte) bool {
		if offset >= to { // another server of a shared store has dropped all before it, and counted
			end = to
			return false
		}
		if len(frames) == 0 {
			first = offset // the same, of what was before it
		}
		frames = append(frames, frame...)
		end = offset + 1
		return end < to && len(frames) < fillBytes
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	offset := first
	for _, n := range each(frames) {
		t.count(offset, frames[:n])
		frames = frames[n:]
		offset++
	}
	return t.q.store.Trim(t.name, end)
}

// count counts an event as expired for everybody who misses it.
func (t *topic) count(offset uint64, frame []byte) {
	for _, sub := range t.subscribers() {
		if sub.misses(offset) {
			sub.session.meter.expect(frame, 1, 1)
			sub.session.meter.dropAll(FateExpired, frame, 1, sub.session.origin)
		}
	}
	for name, next := range t.cursors {
		if next <= offset && !t.present(name) {
			t.q.meter.expect(frame, 1, 1)
			t.q.meter.dropAll(FateExpired, frame, 1, 0)
		}
	}
}

// misses reports whether the subscriber has yet to get what is at the offset.
func (u *subscription) misses(offset uint64) bool {
	return u.next <= offset && (!u.gone || offset < u.end)
}
