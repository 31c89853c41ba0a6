package queue

// Topics returns how many topics are remembered, used or not.
func (q *Queue) Topics() int {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return len(q.topics)
}
