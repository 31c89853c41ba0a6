package disk

import (
	"slices"
	"sort"
)

// log is one topic. Everything is guarded by the store's mu, but growing,
// which the writer alone uses.
type log struct {
	id    uint64
	name  string
	grown func(first uint64, frames []byte, count int)

	first, next uint64 // what is visible
	assigned    uint64 // offset for the next append, which may be on its way yet
	appended    int64  // bytes of frames before next, since the log began
	trimmed     int64  // and before first

	blocks []block // oldest first; those of a slice handed out do not change
	tail   []chunk // what follows them
	frozen int     // so many of tail are on their way into blocks
	ending struct {
		next     uint64 // behind what is frozen
		appended int64
	}

	cursors map[string]uint64
	moved   map[string]struct{} // cursors that are not in the state as they are
	touched bool                // anything else is not
	origins origins
	head    *table // of the piece that first lies in, if it was needed
}

func newLog(id uint64, name string) *log {
	l := &log{
		id: id, name: name, first: 1, next: 1, assigned: 1, grown: func(uint64, []byte, int) {},
		cursors: make(map[string]uint64), moved: make(map[string]struct{}),
	}
	l.freeze()
	return l
}

// add makes a chunk visible.
func (l *log) add(c chunk) {
	l.tail = append(l.tail, c)
	l.next = c.end()
	l.appended += int64(len(c.frames))
	l.origins.note(c.frames)
	l.touched = true
}

// freeze marks everything visible as on its way into blocks.
func (l *log) freeze() {
	l.frozen = len(l.tail)
	l.ending.next, l.ending.appended = l.next, l.appended
}

// frozenFirst returns where the log begins, and the bytes trimmed, without
// what came after the freeze.
func (l *log) frozenFirst() (first uint64, trimmed int64) {
	if l.first > l.ending.next {
		return l.ending.next, l.ending.appended
	}
	return l.first, l.trimmed
}

// thaw replaces what was frozen by its blocks.
func (l *log) thaw(blocks []block) {
	l.tail, l.frozen = slices.Clone(l.tail[l.frozen:]), 0
	l.blocks = append(slices.Clip(l.blocks), blocks...)
}

// findBlock returns the index of the first block that ends after an offset.
func (l *log) findBlock(offset uint64) int {
	return sort.Search(len(l.blocks), func(i int) bool { return l.blocks[i].end() > offset })
}

func (l *log) findChunk(offset uint64) int {
	return sort.Search(len(l.tail), func(i int) bool { return l.tail[i].end() > offset })
}

// trim moves first, where the bytes before it since the log began are known.
// It returns the blocks that nothing is left of.
func (l *log) trim(first uint64, trimmed int64) []block {
	l.first, l.trimmed, l.touched = first, trimmed, true
	if !l.head.covers(first) {
		l.head = nil
	}
	n := l.findChunk(first)
	l.tail, l.frozen = l.tail[n:], max(0, l.frozen-n)
	n = l.findBlock(first)
	gone := l.blocks[:n]
	l.blocks = l.blocks[n:]
	return gone
}

// excess walks on from an event, the bytes before which are known, while the
// log is over the limits. It returns the first offset to keep, or stops with
// more true at the piece whose table it needs. Whole pieces it judges by
// their bounds.
func (l *log) excess(r *retention, t *table, from uint64, before int64) (first uint64, trimmed int64, more bool) {
	for first, trimmed = from, before; first < l.next; {
		c, end, bytes, oldest, newest := l.pieceAt(first)
		if !r.over(l, first, trimmed, oldest) && !r.over(l, first, trimmed, newest) {
			return first, trimmed, false
		}
		if first == c && r.over(l, end-1, trimmed+bytes-1, newest) {
			first, trimmed = end, trimmed+bytes
			continue
		}
		if !t.covers(first) {
			return first, trimmed, true
		}
		i := first - t.first
		if !r.over(l, first, trimmed, t.ats[i]) {
			return first, trimmed, false
		}
		first, trimmed = first+1, trimmed+int64(t.sizes[i])
	}
	return first, trimmed, false
}

// pieceAt describes the block or chunk that an offset lies in.
func (l *log) pieceAt(offset uint64) (first, end uint64, bytes int64, oldest, newest uint64) {
	if i := l.findBlock(offset); i < len(l.blocks) {
		b := &l.blocks[i]
		return b.first, b.end(), b.bytes, b.oldest, b.newest
	}
	c := &l.tail[l.findChunk(offset)]
	return c.first, c.end(), int64(len(c.frames)), c.at, c.at
}

// retention is the limits of a log; zeros do not limit.
type retention struct {
	count  uint64
	bytes  int64
	before uint64
}

// over reports whether the event at first, the oldest, is one too many, given
// the bytes before it.
func (r *retention) over(l *log, first uint64, trimmed int64, at uint64) bool {
	return r.count > 0 && l.next-first > r.count ||
		r.bytes > 0 && l.appended-trimmed > r.bytes ||
		at < r.before
}
