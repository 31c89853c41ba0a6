package disk

import "fmt"

// apply takes over the records of a parcel, of the state or of the journal.
func (s *Store) apply(b []byte) error {
	r := records{b: b}
	for len(r.b) > 0 && r.err == nil {
		if err := s.applyOne(&r); err != nil {
			return err
		}
	}
	return r.err
}

func (s *Store) applyOne(r *records) error {
	kind := r.kind()
	if kind == recordStore {
		s.epoch, s.until, s.journal.size = r.number(), r.number(), int64(r.number())
		return nil
	}
	id := r.number()
	if kind == recordTopic {
		return s.applyTopic(id, string(r.bytes()))
	}
	if r.err != nil || id == 0 || id > uint64(len(s.byID)) {
		return errRecord
	}
	l := s.byID[id-1]
	switch kind {
	case recordEvents:
		return l.applyEvents(r)
	case recordCursor:
		next := r.number()
		client := string(r.bytes())
		l.cursors[client] = next
		l.moved[client] = struct{}{}
	case recordTrim:
		l.applyTrim(r.number(), int64(r.number()))
	case recordLog:
		l.next, l.appended = r.number(), int64(r.number())
		l.assigned = l.next
	case recordBlock:
		if b := describedBlock(r); !l.place(b) {
			return fmt.Errorf("topic %q: a block with event %d does not follow", l.name, b.first)
		}
	case recordOrigin:
		l.origins.setOf(r.number(), r.number())
	default:
		return errRecord
	}
	return r.err
}

// applyTopic makes a topic's log, or finds it there.
func (s *Store) applyTopic(id uint64, name string) error {
	if l := s.logs[name]; l != nil {
		if l.id == id {
			return nil
		}
		return fmt.Errorf("topic %q is number %d and %d", name, l.id, id)
	}
	if id != uint64(len(s.byID)+1) {
		return fmt.Errorf("topic %q is number %d, after %d", name, id, len(s.byID))
	}
	s.addLog(name)
	return nil
}

func (l *log) applyEvents(r *records) error {
	c := chunk{first: r.number(), count: r.number(), at: r.number(), frames: r.bytes()}
	if r.err != nil || c.first != l.next || !c.counted() {
		return fmt.Errorf("topic %q: %d events at %d, where %d is the next", l.name, c.count, c.first, l.next)
	}
	l.add(c)
	l.assigned = l.next
	return nil
}

// counted reports whether the chunk holds as many whole frames as it says.
func (c *chunk) counted() bool {
	b := c.frames
	for range c.count {
		if len(b) < 4 || frameSize(b) > len(b) {
			return false
		}
		b = b[frameSize(b):]
	}
	return len(b) == 0
}

// applyTrim moves the beginning on, never back: a trim may be told of twice.
func (l *log) applyTrim(first uint64, trimmed int64) {
	if first >= l.first {
		l.trim(first, trimmed)
	}
}
