package queue

import (
	"rawlab/framing"
)

// join starts a subscription: it answers with the receipt, then delivery begins.
func (t *topic) join(s *Session, request uint64, resume framing.Subscribe) (*subscription, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sub := &subscription{session: s, topic: t, next: t.next, window: t.next}
	sub.receipt.Epoch = t.q.Epoch()
	if t.stored.Load() {
		if err := t.resume(sub, resume); err != nil {
			return nil, err
		}
	}
	s.Reply(sub.receiptFrame(request))
	t.takeOver(s)
	subs := append(t.subscribers()[:len(t.subscribers()):len(t.subscribers())], sub)
	t.subs.Store(&subs)
	if sub.next < t.next {
		sub.lag()
	}
	return sub, nil
}

// resume finds where a subscription starts and what its receipt says.
func (t *topic) resume(sub *subscription, resume framing.Subscribe) error {
	if err := t.trim(); err != nil {
		return err
	}
	first, next := t.q.store.Bounds(t.name)
	from := t.start(sub.session.name, resume, first)
	if err := t.remember(sub.session.name, from); err != nil {
		return err
	}
	sub.next = max(from, first)
	sub.window, sub.replayTo = sub.next, next
	sub.receipt.From, sub.receipt.To = from, next
	sub.receipt.Replayed = next - sub.next
	if from < first {
		sub.receipt.Expired = sub.receipt.Expired.Append(from, first)
	}
	return nil
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

// remember makes sure that a named client has a cursor.
func (t *topic) remember(name string, next uint64) error {
	if _, known := t.cursors[name]; known || name == "" {
		return nil
	}
	if len(t.cursors) >= t.q.maxCursors {
		return &LimitError{"named clients of the topic", t.q.maxCursors}
	}
	return t.setCursor(name, next)
}

func (t *topic) setCursor(name string, next uint64) error {
	if err := t.q.store.SetCursor(t.name, name, next); err != nil {
		return err
	}
	t.cursors[name] = next
	return nil
}

// takeOver ends the sessions that listened here under the same name: the
// client has come back before the server knew that it was away.
func (t *topic) takeOver(s *Session) {
	for _, other := range t.subscribers() {
		if s.name != "" && other.session.name == s.name && other.session != s {
			other.session.End(framing.CodeLimit, "another client listens under this name now")
		}
	}
}

// ack moves the cursor behind offset, never behind what was sent, never back.
func (u *subscription) ack(offset uint64) error {
	t := u.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stored.Load() || u.gone {
		return nil
	}
	next := min(offset+1, u.next)
	u.window = max(u.window, next)
	if u.lagging {
		u.session.out.signal()
	}
	if u.session.name == "" || next <= t.cursors[u.session.name] {
		return nil
	}
	return t.setCursor(u.session.name, next)
}

// fill puts what the log has for a lagging subscription into its outbox, up
// to fillBytes and its window. It still lags until it has everything.
func (u *subscription) fill() {
	t := u.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.gone {
		return
	}
	if first, _ := t.q.store.Bounds(t.name); u.next < first {
		u.next = first // those between have expired and are counted
	}
	frames, count, err := u.read()
	if err != nil {
		u.session.End(framing.CodeInternal, "the log cannot be read")
		return
	}
	u.next += uint64(count)
	u.lagging = u.next < t.next
	if !u.session.out.refill(u, frames, count) {
		u.next -= uint64(count)
	}
}

// read encodes the next frames of the log for this subscriber.
func (u *subscription) read() (frames []byte, count int, err error) {
	room := u.room()
	if room == 0 {
		return nil, 0, nil
	}
	err = u.topic.q.store.Read(u.topic.name, u.next, func(offset uint64, frame []byte) bool {
		frames = number(frames, frame, offset, u.flags(offset))
		count++
		return count < room && len(frames) < fillBytes
	})
	return frames, count, err
}

// room returns how many frames the window allows now.
func (u *subscription) room() int {
	if u.session.window == 0 {
		return int(u.topic.next - u.next)
	}
	return max(0, u.session.window-int(u.next-u.window))
}

func (u *subscription) flags(offset uint64) framing.Flags {
	flags := framing.FlagOffset
	if u.session.checksum {
		flags |= framing.FlagCRC
	}
	if offset < u.replayTo {
		flags |= framing.FlagReplayed
	}
	return flags
}
