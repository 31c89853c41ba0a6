package queue

import "rawlab/framing"

// Again returns the events of a stored topic at offsets from up to, not
// including, to that have been on their way to this session before, end to end
// as they leave for it, flagged as replayed: as many as fit about limit bytes,
// at least one. Next is where to go on, to if there is no more. What the log
// no longer has, and what the session does not listen to, the client is told
// is lost. It moves no cursor and counts nothing.
func (s *Session) Again(topic []byte, from, to uint64, limit int) (frames []byte, next uint64, err error) {
	sub := s.subscription(topic)
	if sub == nil || !sub.topic.stored.Load() {
		if from < to {
			s.tellLost(string(topic), from, to, framing.CodeLimit)
		}
		return nil, to, nil
	}
	return sub.reread(from, to, limit)
}

// reread is Again for one topic. It waits for nobody who publishes, only for
// the store.
func (u *subscription) reread(from, to uint64, limit int) (frames []byte, next uint64, err error) {
	t := u.topic
	t.mu.Lock()
	to = min(to, u.next)
	t.mu.Unlock()
	next = from
	if first, _ := t.q.store.Bounds(t.name); next < first && next < to {
		next = min(first, to)
		u.session.tellLost(t.name, from, next, framing.CodeLimit)
	}
	if next >= to {
		return nil, to, nil
	}
	flags := framing.FlagOffset | framing.FlagReplayed
	if u.session.checksum {
		flags |= framing.FlagCRC
	}
	err = t.q.store.Read(t.name, next, func(offset uint64, frame []byte) bool {
		if offset != next {
			return false // some have expired meanwhile: who asks again is told
		}
		frames = number(frames, frame, offset, flags)
		next++
		return next < to && len(frames) < limit
	})
	return frames, next, err
}
