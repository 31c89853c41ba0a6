package fragment

import "sync/atomic"

// Pool bounds the bytes that the assemblers of many conversations hold
// together. It is safe for concurrent use.
type Pool struct {
	limit int64
	used  atomic.Int64
}

// NewPool returns a pool of so many bytes.
func NewPool(bytes int) *Pool { return &Pool{limit: int64(bytes)} }

// Used returns how many bytes are taken.
func (p *Pool) Used() int { return int(p.used.Load()) }

// take takes n bytes if they are there. A nil pool does not bound.
func (p *Pool) take(n int) bool {
	if p == nil {
		return true
	}
	if p.used.Add(int64(n)) > p.limit {
		p.used.Add(-int64(n))
		return false
	}
	return true
}

func (p *Pool) give(n int) {
	if p != nil {
		p.used.Add(-int64(n))
	}
}
