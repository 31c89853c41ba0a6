package disk

import "slices"

// update is a step of the state, and what to take back if it fails.
type update struct {
	records []byte
	logs    []*log
	moved   []map[string]struct{} // of logs
	saved   []uint64              // of logs' origins
	dead    []*dataFile           // that the state does not name from this step on
}

// beginUpdate gathers what has changed since the last step, with the blocks
// that are new or elsewhere now, up to a group of the journal. What changes
// from now on is for the next step.
func (s *Store) beginUpdate(until uint64, blocks []written, emptied []*dataFile) *update {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &update{records: s.storeRecord(until), dead: slices.Clone(emptied)}
	for _, d := range s.library.all {
		if d.live == 0 && !slices.Contains(emptied, d) {
			u.dead = append(u.dead, d)
		}
	}
	for _, l := range s.byID {
		if !l.touched && len(l.moved) == 0 {
			continue
		}
		u.logs, u.moved, u.saved = append(u.logs, l), append(u.moved, l.moved), append(u.saved, l.origins.saved)
		u.records = l.describe(u.records, l.moved)
		u.records = l.describeOrigins(u.records, l.origins.saved)
		later := l.next > l.ending.next // for the next step again
		l.touched, l.moved, l.origins.saved = later, make(map[string]struct{}), l.origins.tick
	}
	for _, b := range blocks {
		u.records = b.describe(u.records)
	}
	return u
}

// revert says that the step was not made.
func (s *Store) revert(u *update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range u.logs {
		l.touched, l.origins.saved = true, u.saved[i]
		for client := range u.moved[i] {
			l.moved[client] = struct{}{}
		}
	}
}

// snapshot says everything. The caller holds mu.
func (s *Store) snapshot(until uint64) []byte {
	b := s.storeRecord(until)
	for _, l := range s.byID {
		b = describeAll(b, l)
	}
	return b
}

func (s *Store) storeRecord(until uint64) []byte {
	return appendNumbers(nil, recordStore, s.epoch, until, uint64(s.journal.size))
}

func describeAll(b []byte, l *log) []byte {
	all := make(map[string]struct{}, len(l.cursors))
	for client := range l.cursors {
		all[client] = struct{}{}
	}
	b = l.describe(b, all)
	b = l.describeOrigins(b, 0)
	for _, block := range l.blocks {
		w := written{l, block}
		b = w.describe(b)
	}
	return b
}

// describe says where a log and some of its cursors stand, without events
// that came after the freeze.
func (l *log) describe(b []byte, clients map[string]struct{}) []byte {
	b = appendBytes(appendNumbers(b, recordTopic, l.id), []byte(l.name))
	b = appendNumbers(b, recordLog, l.id, l.ending.next, uint64(l.ending.appended))
	first, trimmed := l.frozenFirst()
	b = appendNumbers(b, recordTrim, l.id, first, uint64(trimmed))
	for client := range clients {
		b = appendBytes(appendNumbers(b, recordCursor, l.id, l.cursors[client]), []byte(client))
	}
	return b
}

func (l *log) describeOrigins(b []byte, after uint64) []byte {
	for _, of := range l.origins.recent(after) {
		b = appendNumbers(b, recordOrigin, l.id, of.origin, l.origins.streams[of].sequence)
	}
	return b
}

func (w *written) describe(b []byte) []byte {
	return appendNumbers(b, recordBlock, w.log.id, w.first, w.count, uint64(w.bytes), w.oldest, w.newest, w.file, uint64(w.at), uint64(w.size))
}

// describedBlock reads what describe has written after the id.
func describedBlock(r *records) block {
	var n [8]uint64
	for i := range n {
		n[i] = r.number()
	}
	return block{n[0], n[1], int64(n[2]), n[3], n[4], n[5], int64(n[6]), int64(n[7])}
}

// place adds a block that the state tells of, or its new place.
func (l *log) place(b block) bool {
	if b.end() <= l.first {
		return true
	}
	i := l.findBlock(b.first)
	if i < len(l.blocks) {
		known := l.blocks[i]
		l.blocks[i] = b
		return known.first == b.first && known.count == b.count
	}
	l.blocks = append(l.blocks, b)
	return i == 0 || l.blocks[i-1].end() == b.first
}

// whole reports whether the blocks hold what the log has, without holes.
func (l *log) whole() bool {
	if len(l.blocks) == 0 {
		return l.first == l.next
	}
	return l.blocks[0].first <= l.first && l.blocks[len(l.blocks)-1].end() == l.next
}
