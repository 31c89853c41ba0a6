package ack

// sliding is a list that is appended to at one end and cut at the other. It
// uses its room again instead of moving on through new memory.
type sliding[T any] struct {
	list []T
	room []T // all of the array that list lies in
}

func (s *sliding[T]) add(v T) {
	if len(s.list) == cap(s.list) && len(s.room) >= 2*len(s.list) {
		s.list = s.room[:copy(s.room, s.list)]
	}
	grows := len(s.list) == cap(s.list)
	s.list = append(s.list, v)
	if grows {
		s.room = s.list[:cap(s.list)]
	}
}

// cut removes the first n.
func (s *sliding[T]) cut(n int) {
	clear(s.list[:n])
	s.list = s.list[n:]
}
