package account

import (
	"iter"
	"time"
)

// DropPatience is how much later than a drop the packets of the capture are
// when its own is taken for one that was not captured. Should it come after
// all, within ten times that, the two are joined.
const DropPatience = 100 * time.Millisecond

// maxWaiting bounds the drops that wait for their packets (about 500 bytes
// each).
const maxWaiting = 1 << 17

// dropQueue are drops that wait for their packets.
type dropQueue struct {
	byKey map[uint64][]*DroppedPacket
	ready map[uint64]bool  // keys of packets that have come since
	order []*DroppedPacket // as they were told; some may have left byKey
	next  int              // of order, that is not yet taken for astray
}

func newDropQueue() dropQueue {
	return dropQueue{byKey: map[uint64][]*DroppedPacket{}, ready: map[uint64]bool{}}
}

// push adds a drop; false if there is no room.
func (q *dropQueue) push(r *DroppedPacket) bool {
	if len(q.order) >= maxWaiting {
		return false
	}
	q.order = append(q.order, r)
	if r.key != 0 {
		q.byKey[r.key] = append(q.byKey[r.key], r)
	}
	return true
}

// came notes that a packet was captured.
func (q *dropQueue) came(key uint64) {
	if q.byKey[key] != nil {
		q.ready[key] = true
	}
}

// retry joins drops whose packets may have come.
func (q *dropQueue) retry(join func(*DroppedPacket) bool) {
	for key := range q.ready {
		rows := q.byKey[key]
		for len(rows) > 0 && join(rows[0]) {
			rows = rows[1:]
		}
		q.keep(key, rows)
	}
	clear(q.ready)
}

func (q *dropQueue) keep(key uint64, rows []*DroppedPacket) {
	if len(rows) > 0 {
		q.byKey[key] = rows
	} else {
		delete(q.byKey, key)
	}
}

// due yields the drops whose packets should have come until soFar, each once,
// and forgets older ones. Zero makes all of them due.
func (q *dropQueue) due(soFar time.Time) iter.Seq[*DroppedPacket] {
	return func(yield func(*DroppedPacket) bool) {
		old := 0
		for old < len(q.order) && !soFar.IsZero() && soFar.Sub(q.order[old].Time) >= 10*DropPatience && old < q.next {
			q.forget(q.order[old])
			old++
		}
		q.order, q.next = q.order[old:], q.next-old
		for ; q.next < len(q.order); q.next++ {
			r := q.order[q.next]
			if !soFar.IsZero() && soFar.Sub(r.Time) < DropPatience {
				return
			}
			if r.Number == 0 && !yield(r) {
				return
			}
		}
	}
}

// forget gives up a drop.
func (q *dropQueue) forget(r *DroppedPacket) {
	var still []*DroppedPacket
	for _, other := range q.byKey[r.key] {
		if other != r {
			still = append(still, other)
		}
	}
	q.keep(r.key, still)
}
