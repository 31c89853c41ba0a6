package live

import "slices"

// queue holds values in order; they come at its end and go at its start.
type queue[T any] struct {
	values []T
	gone   int // of values, at the start
}

func (q *queue[T]) len() int     { return len(q.values) - q.gone }
func (q *queue[T]) all() []T     { return q.values[q.gone:] }
func (q *queue[T]) at(i int) *T  { return &q.values[q.gone+i] }
func (q *queue[T]) push(value T) { q.values = append(q.values, value) }

// pop lets go of the first value. Those behind it move only now and then, so
// that it costs little.
func (q *queue[T]) pop() {
	var none T
	q.values[q.gone] = none
	q.gone++
	if q.gone*2 > len(q.values) {
		q.values = slices.Delete(q.values, 0, q.gone)
		q.gone = 0
	}
}
