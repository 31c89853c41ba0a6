package disk

import (
	"errors"
	"io/fs"
	"time"
)

// Read visits the frames from offset from on, in pieces: blocks from their
// file, the rest from memory. Nothing is locked while they are visited.
func (s *Store) Read(topic string, from uint64, visit func(uint64, []byte) bool) error {
	for {
		p, start, ok, err := s.piece(topic, from)
		if err != nil || !ok {
			return err
		}
		if !p.visit(start, visit) {
			return nil
		}
		from = p.first + p.count
	}
}

// piece returns the frames around an offset, or around the oldest one if that
// comes later, and which it is; ok is false behind the end.
func (s *Store) piece(topic string, from uint64) (p piece, start uint64, ok bool, err error) {
	for {
		s.mu.Lock()
		l := s.logs[topic]
		if l == nil || max(from, l.first) >= l.next {
			s.mu.Unlock()
			return piece{}, from, false, nil
		}
		from = max(from, l.first)
		i := l.findBlock(from)
		if i == len(l.blocks) {
			p := l.tail[l.findChunk(from)].piece()
			s.mu.Unlock()
			return p, from, true, nil
		}
		b := l.blocks[i]
		s.mu.Unlock()
		p, err = s.loadBlock(l, b)
		if errors.Is(err, fs.ErrNotExist) && s.hasGone(l, b) {
			continue // trimmed or moved between the two
		}
		return p, from, err == nil, err
	}
}

// hasGone reports whether a block is not there any more as it was.
func (s *Store) hasGone(l *log, b block) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := l.findBlock(b.first)
	return i == len(l.blocks) || l.blocks[i] != b
}

// Excess returns the oldest offset to keep within the limits.
func (s *Store) Excess(topic string, count int, bytes int64, before time.Time) (uint64, error) {
	r := retention{count: uint64(count), bytes: bytes}
	if !before.IsZero() && before.UnixNano() > 0 {
		r.before = stamp(before)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return 1, nil
	}
	t, first, trimmed := l.head, l.first, l.trimmed
	for {
		var more bool
		if first, trimmed, more = l.excess(&r, t, first, trimmed); !more {
			return first, nil
		}
		var err error
		if t, err = s.tableAt(l, first); err != nil {
			return l.first, err
		}
	}
}

// Trim drops the frames before the offset first.
func (s *Store) Trim(topic string, first uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil || first <= l.first {
		return s.refusal()
	}
	if err := s.refusal(); err != nil {
		return err
	}
	trimmed, err := s.bytesBefore(l, min(first, l.next))
	if err != nil {
		return err
	}
	s.library.count(l.trim(min(first, l.next), trimmed), -1)
	s.gather.trims[l] = struct{}{}
	s.wantSoon()
	return nil
}

// bytesBefore returns the bytes of frames before an offset since the log
// began. The caller holds mu, which is let go to read a block.
func (s *Store) bytesBefore(l *log, offset uint64) (int64, error) {
	first, trimmed := l.first, l.trimmed
	for first < offset {
		start, end, bytes, _, _ := l.pieceAt(first)
		if start == first && end <= offset {
			first, trimmed = end, trimmed+bytes
			continue
		}
		t := l.head
		if !t.covers(first) {
			var err error
			if t, err = s.tableAt(l, first); err != nil {
				return 0, err
			}
		}
		to := min(offset, t.end())
		first, trimmed = to, trimmed+t.bytesBetween(first, to)
	}
	return trimmed, nil
}

var errTrimmed = errors.New("disk: two callers trim one topic")

// tableAt returns the table of the piece at an offset, and keeps it. The
// caller holds mu, which is let go to read a block; only Trim changes what
// it sees, and is called by one caller at a time.
func (s *Store) tableAt(l *log, offset uint64) (*table, error) {
	i := l.findBlock(offset)
	if i == len(l.blocks) {
		p := l.tail[l.findChunk(offset)].piece()
		l.head = p.table()
		return l.head, nil
	}
	s.mu.Unlock()
	p, _, ok, err := s.piece(l.name, offset)
	s.mu.Lock()
	if err != nil || !ok {
		return nil, errors.Join(err, errTrimmed)
	}
	l.head = p.table()
	return l.head, nil
}
