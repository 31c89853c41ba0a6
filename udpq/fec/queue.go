package fec

// waiter is a datagram that has not left.
type waiter struct {
	datagram []byte
	frames   int // bytes of events at its start
}

// queue is datagrams in the order in which they leave: a ring whose places
// keep their buffers for the next.
type queue struct {
	ring               []waiter // a power of two of them
	head, count, bytes int
}

// maxIdlePlaces is how many places an empty queue keeps.
const maxIdlePlaces = 64

func (q *queue) at(i int) *waiter { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// take returns an empty buffer to put the next datagram into.
func (q *queue) take() []byte {
	if q.count == len(q.ring) {
		q.grow()
	}
	return q.at(q.count).datagram[:0]
}

func (q *queue) grow() {
	ring := make([]waiter, max(8, 2*len(q.ring)))
	for i := range q.count {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

// put appends a datagram in the buffer that take returned.
func (q *queue) put(datagram []byte, frames int) {
	*q.at(q.count) = waiter{datagram, frames}
	q.count++
	q.bytes += len(datagram)
}

// first returns the size of the datagram that leaves next, 0 if there is none.
func (q *queue) first() int {
	if q.count == 0 {
		return 0
	}
	return len(q.at(0).datagram)
}

// pop takes the first datagram out. It is valid until the next put.
func (q *queue) pop() (datagram []byte, frames int) {
	w := *q.at(0)
	q.head, q.count, q.bytes = (q.head+1)&(len(q.ring)-1), q.count-1, q.bytes-len(w.datagram)
	if q.count == 0 && len(q.ring) > maxIdlePlaces {
		*q = queue{}
	}
	return w.datagram, w.frames
}
