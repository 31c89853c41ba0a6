package queue

import (
	"rawlab/framing"
)

// prepare makes a stored topic ready for a client: what has expired is gone,
// and who has a name has a cursor. It reports whether that was made just now,
// so that only a Sync keeps the store from forgetting it.
func (t *topic) prepare(name string, resume framing.Subscribe) (made bool, err error) {
	if !t.stored.Load() {
		return false, nil
	}
	if err := t.trim(); err != nil {
		return false, err
	}
	return t.remember(name, resume)
}

// join starts a subscription: its receipt, if answer makes one, precedes what
// is delivered. A session joins once: fresh is false if it had, for a pattern.
func (t *topic) join(s *Session, resume framing.Subscribe, terms terms, answer func(*subscription) *framing.Frame) (sub *subscription, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub := t.heardBy(s); sub != nil {
		s.begin(answer(sub), nil)
		return sub, false
	}
	sub = &subscription{session: s, topic: t, next: t.next, window: t.next, terms: terms}
	sub.receipt.Epoch = t.q.Epoch()
	if t.stored.Load() {
		t.resume(sub, resume)
		sub.retry()
	}
	sub.acked = sub.next
	if terms.delivery == framing.AtMostOnce && s.name != "" {
		s.once.Store(t.name, true)
	}
	t.takeOver(s)
	s.begin(answer(sub), func() {
		subs := append(t.subscribers(), sub) // into room that no reader looks at: only the newest list grows
		t.subs.Store(&subs)
	})
	if sub.next < t.next {
		sub.lag()
	}
	return sub, true
}

// begin lets events come, behind a receipt if there is one.
func (s *Session) begin(receipt *framing.Frame, events func()) {
	switch {
	case receipt != nil:
		s.out.putReceipt(s.sealed(receipt), events)
	case events != nil:
		events()
	}
}

// resume finds where a subscription starts and what its receipt says.
func (t *topic) resume(sub *subscription, resume framing.Subscribe) {
	first, next := t.q.store.Bounds(t.name)
	next = min(next, t.next) // what is safe and not yet told comes when it is
	from := min(t.start(sub.session.name, resume, first), next)
	sub.next = max(from, first)
	sub.window, sub.replayTo = sub.next, next
	sub.receipt.From, sub.receipt.To = from, next
	sub.receipt.Replayed = next - sub.next
	if from < first {
		sub.receipt.Expired = sub.receipt.Expired.Append(from, first)
	}
}

// start returns the first offset that a client has not had: what it states,
// if that is of this epoch; everything, if its epoch was lost; its cursor; or
// nothing of what is already there.
func (t *topic) start(name string, resume framing.Subscribe, first uint64) uint64 {
	cursor, known := t.cursors[name]
	switch {
	case resume.Epoch == t.q.Epoch() && resume.Offset > 0:
		return min(resume.Offset, t.next)
	case resume.Epoch != 0 && resume.Epoch != t.q.Epoch():
		return first
	case known:
		return min(cursor, t.next)
	}
	return t.next
}

// remember makes sure that a named client has a cursor, and reports whether
// it had none.
func (t *topic) remember(name string, resume framing.Subscribe) (made bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.cursors[name]; known || name == "" {
		return false, nil
	}
	if len(t.cursors) >= t.q.maxCursors {
		return false, &LimitError{"named clients of the topic", t.q.maxCursors}
	}
	first, _ := t.q.store.Bounds(t.name)
	return true, t.setCursor(name, t.start(name, resume, first))
}

func (t *topic) setCursor(name string, next uint64) error {
	if err := t.q.store.SetCursor(t.name, name, next); err != nil {
		return err
	}
	t.cursors[name] = next
	return nil
}

// takeOver ends the sessions that listened here under the same name: the
// client has come back before the server knew that it was away. Or it ends s,
// whose subscription took so long that its client is back in another session.
func (t *topic) takeOver(s *Session) {
	for _, other := range t.subscribers() {
		if s.name != "" && other.session.name == s.name && other.session != s {
			s.displaces(other.session)
		}
	}
}

// displaces ends the older of two sessions of one client, and reports whether
// that is the other.
func (s *Session) displaces(other *Session) bool {
	older := other
	if s.nth < other.nth {
		older = s
	}
	older.End(framing.CodeLimit, "another client listens under this name now")
	return older == other
}

// ack moves the cursor behind offset, never behind what was sent, never back.
func (u *subscription) ack(offset uint64) error {
	from, to, err := u.acknowledge(offset)
	u.topic.tellAcknowledged(from, to)
	return err
}

// acknowledge is ack, and returns from which offset up to which this was the
// first acknowledgement.
func (u *subscription) acknowledge(offset uint64) (from, to uint64, err error) {
	t := u.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stored.Load() || u.gone {
		return 0, 0, nil
	}
	next := min(offset+1, u.next)
	from, to = u.acked, next
	u.acked = max(u.acked, next)
	if next > u.window {
		u.window = next
		u.progress()
	}
	if u.lagging {
		u.session.out.stir()
	}
	if u.session.name == "" || next <= t.cursors[u.session.name] {
		return from, to, nil
	}
	return from, to, t.setCursor(u.session.name, next)
}

// fill puts what the log has for a lagging subscription into its outbox, up
// to fillBytes and its window. It still lags until it has everything.
func (u *subscription) fill() {
	from, frames, count, err := u.read(u.flags)
	if err != nil {
		u.session.End(framing.CodeInternal, "the log cannot be read")
		return
	}
	u.topic.mu.Lock()
	defer u.topic.mu.Unlock()
	if u.gone {
		return
	}
	if u.next != from {
		frames, count = nil, 0 // some have expired meanwhile and are counted
	}
	before := u.next
	u.next += uint64(count)
	u.lagging = u.next < u.topic.next
	u.held = u.lagging && u.terms.window > 0 && u.free(1) == 0
	if !u.session.out.refill(u, frames, count) {
		u.next = before
	}
	u.sent(before)
}

// read returns the next frames of the log for this subscriber, and the offset
// of the first. The topic is not locked meanwhile.
func (u *subscription) read(flags func(offset uint64) framing.Flags) (from uint64, frames []byte, count int, err error) {
	from, room := u.room()
	if room == 0 {
		return from, nil, 0, nil
	}
	err = u.topic.q.store.Read(u.topic.name, from, func(offset uint64, frame []byte) bool {
		if offset != from+uint64(count) {
			return false // some have expired meanwhile
		}
		frames = number(frames, frame, offset, flags(offset))
		count++
		return count < room && len(frames) < fillBytes
	})
	return from, frames, count, err
}

// room returns where to go on, and how many frames the window allows now.
func (u *subscription) room() (from uint64, frames int) {
	t := u.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if first, _ := t.q.store.Bounds(t.name); u.next < first {
		if !u.gone {
			u.session.tellLost(t.name, u.next, first, framing.CodeLimit)
		}
		u.next = first // those between have expired and are counted
		u.window, u.acked = max(u.window, first), max(u.acked, first)
	}
	switch {
	case u.gone:
		return u.next, int(max(u.end, u.next) - u.next)
	case u.session.window == 0 || u.terms.window > 0:
		return u.next, u.free(int(t.next - u.next))
	}
	return u.next, max(0, u.session.window-int(u.next-u.window))
}

func (u *subscription) flags(offset uint64) framing.Flags {
	flags := framing.FlagOffset
	if u.session.checksum {
		flags |= framing.FlagCRC
	}
	if offset < u.replayTo {
		flags |= framing.FlagReplayed
	}
	if offset < u.resent {
		flags |= framing.FlagRedelivered
	}
	return flags
}
