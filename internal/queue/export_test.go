package queue

// Topics returns how many topics are remembered, used or not.
func (q *Queue) Topics() int {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return len(q.topics)
}

// Numbers lets tests sift events of one stream.
type Numbers struct{ n *seen }

func NewNumbers(first uint64) Numbers {
	return Numbers{&seen{streams: map[uint16]*numbers{0: {next: first}}}}
}

// Emit returns which of count events are new.
func (n Numbers) Emit(sequence uint64, count int) (fresh []uint64) {
	if n.n.accept(sequence, count) {
		for i := range count {
			fresh = append(fresh, sequence+uint64(i))
		}
		return fresh
	}
	for _, s := range n.n.sift(sequence, count) {
		for at := s.from; at < s.to; at++ {
			fresh = append(fresh, at)
		}
	}
	return fresh
}

func (n Numbers) Refuse(sequence uint64) { n.n.forget(sequence, sequence+1) }

// KnownOrigins returns how many origins are remembered.
func (q *Queue) KnownOrigins() int {
	q.origins.mu.Lock()
	defer q.origins.mu.Unlock()
	return len(q.origins.known)
}

// LimitOrigins bounds what is remembered of origins that are gone.
func (q *Queue) LimitOrigins(streams int) { q.origins.limit = streams }

// LimitPassing bounds the topics that nobody but patterns listens to.
func (q *Queue) LimitPassing(topics int) { q.passingLimit = topics }
