package wire

// line holds the packets under way in one direction, by due time.
type line struct {
	held []heldPacket // binary heap on (due, order)
	next uint64
}

type heldPacket struct {
	due   int64
	order uint64
	frame []byte
	row   *Row
}

func (l *line) len() int { return len(l.held) }

// due returns when the next packet must leave; only with len > 0.
func (l *line) due() int64 { return l.held[0].due }

func (l *line) less(i, j int) bool {
	a, b := &l.held[i], &l.held[j]
	return a.due < b.due || a.due == b.due && a.order < b.order
}

func (l *line) push(due int64, frame []byte, row *Row) {
	l.held = append(l.held, heldPacket{due: due, order: l.next, frame: frame, row: row})
	l.next++
	for i := len(l.held) - 1; i > 0; {
		parent := (i - 1) / 2
		if !l.less(i, parent) {
			return
		}
		l.held[i], l.held[parent] = l.held[parent], l.held[i]
		i = parent
	}
}

func (l *line) pop() heldPacket {
	top := l.held[0]
	last := len(l.held) - 1
	l.held[0] = l.held[last]
	l.held[last] = heldPacket{}
	l.held = l.held[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && l.less(child+1, child) {
			child++
		}
		if !l.less(child, i) {
			return top
		}
		l.held[i], l.held[child] = l.held[child], l.held[i]
		i = child
	}
}

// shaper serialises packets at a rate behind a queue of limited length.
type shaper struct {
	rate    int64   // bits per second; 0 is no limit
	limit   int     // packets
	free    int64   // when the line is idle again, ns
	leaving []int64 // when each waiting packet will have been sent, ascending
	gone    int     // of leaving, how many have been
}

// admit returns when a frame that came now will have been sent; false if the
// queue is full.
func (s *shaper) admit(now int64, bytes int) (int64, bool) {
	if s.rate == 0 {
		return now, true
	}
	for s.gone < len(s.leaving) && s.leaving[s.gone] <= now {
		s.gone++
	}
	if s.gone > len(s.leaving)/2 {
		s.leaving = append(s.leaving[:0], s.leaving[s.gone:]...)
		s.gone = 0
	}
	if len(s.leaving)-s.gone >= s.limit {
		return 0, false
	}
	s.free = max(s.free, now) + int64(bytes)*8*1e9/s.rate
	s.leaving = append(s.leaving, s.free)
	return s.free, true
}
