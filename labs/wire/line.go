package wire

// line holds the packets under way in one direction, by due time.
type line struct {
	held    []heldPacket // binary heap on (due, order)
	next    uint64
	waiting int // packets in a queue before the line, which have no due time yet
}

type heldPacket struct {
	due   int64
	order uint64
	frame []byte
	row   *Row

	corrupted bool
}

// len counts the packets under way.
func (l *line) len() int { return len(l.held) + l.waiting }

// due returns when the next packet must leave; false if that is open.
func (l *line) due() (int64, bool) {
	if len(l.held) == 0 {
		return 0, false
	}
	return l.held[0].due, true
}

func (l *line) less(i, j int) bool {
	a, b := &l.held[i], &l.held[j]
	return a.due < b.due || a.due == b.due && a.order < b.order
}

func (l *line) push(due int64, frame []byte, row *Row, corrupted bool) {
	l.held = append(l.held, heldPacket{due: due, order: l.next, frame: frame, row: row, corrupted: corrupted})
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
