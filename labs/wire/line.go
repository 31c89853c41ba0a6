package wire

// line holds the packets under way in one direction, by due time. Most come
// in the order in which they are due, and wait in a queue; what overtakes
// waits in a heap beside it.
type line struct {
	inOrder []heldPacket // each due no earlier than the one before
	head    int          // of inOrder, the first that still waits
	early   []heldPacket // binary heap on (due, order)
	next    uint64
	waiting int // packets in a queue before the line, which have no due time yet
}

type heldPacket struct {
	parcel
	due   int64
	order uint64
	row   *Row

	corrupted bool
}

func (p *heldPacket) before(q *heldPacket) bool {
	return p.due < q.due || p.due == q.due && p.order < q.order
}

// len counts the packets under way.
func (l *line) len() int { return len(l.inOrder) - l.head + len(l.early) + l.waiting }

// first returns the packet that must leave next; nil if there is none.
func (l *line) first() *heldPacket {
	switch {
	case l.head == len(l.inOrder) && len(l.early) == 0:
		return nil
	case len(l.early) == 0, l.head < len(l.inOrder) && l.inOrder[l.head].before(&l.early[0]):
		return &l.inOrder[l.head]
	}
	return &l.early[0]
}

// due returns when the next packet must leave; false if that is open.
func (l *line) due() (int64, bool) {
	if p := l.first(); p != nil {
		return p.due, true
	}
	return 0, false
}

func (l *line) push(due int64, f parcel, row *Row, corrupted bool) {
	p := heldPacket{parcel: f, due: due, order: l.next, row: row, corrupted: corrupted}
	l.next++
	if n := len(l.inOrder); n == l.head || due >= l.inOrder[n-1].due {
		l.inOrder = append(l.inOrder, p)
		return
	}
	l.early = append(l.early, p)
	for i := len(l.early) - 1; i > 0; {
		parent := (i - 1) / 2
		if !l.early[i].before(&l.early[parent]) {
			return
		}
		l.early[i], l.early[parent] = l.early[parent], l.early[i]
		i = parent
	}
}

func (l *line) pop() heldPacket {
	top := l.first()
	if len(l.early) > 0 && top == &l.early[0] {
		return l.popEarly()
	}
	p := *top
	*top = heldPacket{}
	if l.head++; l.head > len(l.inOrder)/2 {
		l.inOrder = l.inOrder[:copy(l.inOrder, l.inOrder[l.head:])]
		l.head = 0
	}
	return p
}

func (l *line) popEarly() heldPacket {
	top := l.early[0]
	last := len(l.early) - 1
	l.early[0] = l.early[last]
	l.early[last] = heldPacket{}
	l.early = l.early[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && l.early[child+1].before(&l.early[child]) {
			child++
		}
		if !l.early[child].before(&l.early[i]) {
			return top
		}
		l.early[i], l.early[child] = l.early[child], l.early[i]
		i = child
	}
}
