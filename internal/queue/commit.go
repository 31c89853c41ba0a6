package queue

import (
	"sync"

	"rawlab/framing"
)

// commits is what a session has committed and the store has not answered for
// yet, oldest first. Acknowledgements leave in that order. How much it may
// be, the store bounds.
type commits struct {
	mu      sync.Mutex
	settled sync.Cond // nothing waits any more
	waiting []*commit
	head    int     // of waiting: the oldest
	spare   *commit // done with
}

// commit is the acknowledgements of one Commit, and how much they wait for.
type commit struct {
	acks  []uint64
	later map[uint16]uint64 // by stream: of Commits that waited for nothing but this one
	left  int               // runs that the store has not answered for
	ended bool              // no more runs come
}

func (c *commits) init() { c.settled.L = &c.mu }

// begin returns a commit that waits for nothing yet.
func (c *commits) begin() *commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := c.spare
	if begun == nil {
		begun = new(commit)
	}
	c.spare = nil
	c.waiting = append(c.waiting, begun)
	return begun
}

// wait adds a run that the commit waits for until settle.
func (c *commits) wait(of *commit) {
	c.mu.Lock()
	of.left++
	c.mu.Unlock()
}

// settle says that the store has answered for a run, and reports whether
// there is anything to acknowledge now.
func (c *commits) settle(of *commit, out *outbox) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	of.left--
	return c.release(out)
}

// end says that no more runs come, and what to acknowledge after them.
func (c *commits) end(of *commit, acks []uint64, out *outbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.waiting); of.left == 0 && n-c.head > 1 {
		c.waiting = c.waiting[:n-1]
		c.waiting[n-2].follow(acks)
		c.spare = of
		return
	}
	of.acks, of.ended = append(of.acks, acks...), true
	c.release(out)
}

// follow adds acknowledgements of a later Commit, so that only what waits for
// the store takes room.
func (c *commit) follow(acks []uint64) {
	if c.later == nil && len(acks) > 0 {
		c.later = make(map[uint16]uint64)
	}
	for _, sequence := range acks {
		stream, _ := framing.SplitSequence(sequence)
		c.later[stream] = sequence
	}
}

// release acknowledges what nothing is left to wait for, and reports whether
// that is anything.
func (c *commits) release(out *outbox) (any bool) {
	for c.head < len(c.waiting) && c.waiting[c.head].ended && c.waiting[c.head].left == 0 {
		done := c.waiting[c.head]
		c.waiting[c.head] = nil
		c.head++
		any = true
		out.putAcks(done.acks)
		for _, sequence := range done.later {
			out.putAcks([]uint64{sequence})
		}
		*done = commit{acks: done.acks[:0]}
		c.spare = done
	}
	if c.head == len(c.waiting) {
		c.waiting, c.head = c.waiting[:0], 0
		c.settled.Broadcast()
	}
	return any
}

// Settle waits until the store has answered for everything committed before.
func (s *Session) Settle() {
	c := &s.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 {
		c.settled.Wait()
	}
}
