package disk

import "time"

// maxGroup bounds the bytes of appends that wait for the next write. More
// than that, Append waits.
const maxGroup = 4 << 20

// laziness is how long a cursor or a trim may wait for others to be written with.
const laziness = 50 * time.Millisecond

// group is what is written, and made safe, at once.
type group struct {
	b       []byte // parcel header and records
	appends []appending
	topics  []*log // new ones
	cursors map[cursorOf]struct{}
	trims   map[*log]struct{}
	wanted  bool          // somebody waits for it
	told    chan struct{} // closed once everybody was told
	err     error         // why it was refused; valid then
}

type cursorOf struct {
	log    *log
	client string
}

// appending is one append of a group.
type appending struct {
	log          *log
	first, count uint64
	at           uint64
	start, end   int // of its frames, in the group's bytes
	done         func([]byte, error)
	grown        func(uint64, []byte, int) // of the log, when it is safe
}

func newGroup(room int) *group {
	return &group{
		b: make([]byte, parcelHeader, max(room, 512)), told: make(chan struct{}),
		cursors: make(map[cursorOf]struct{}), trims: make(map[*log]struct{}),
	}
}

func (g *group) empty() bool {
	return len(g.appends)+len(g.topics)+len(g.cursors)+len(g.trims) == 0
}

// finish adds where cursors stand and logs begin, which is known best when
// the group is about to be written. What would make it too large is left for
// the next group.
func (g *group) finish(limit int) (next *group) {
	next = newGroup(len(g.b) + len(g.b)/4)
	limit += len(g.b)
	for l := range g.trims {
		if len(g.b) > limit {
			next.trims[l] = struct{}{}
			continue
		}
		g.b = appendNumbers(g.b, recordTrim, l.id, l.first, uint64(l.trimmed))
	}
	for c := range g.cursors {
		if len(g.b) > limit {
			next.cursors[c] = struct{}{}
			continue
		}
		g.b = appendBytes(appendNumbers(g.b, recordCursor, c.log.id, c.log.cursors[c.client]), []byte(c.client))
	}
	next.wanted = !next.empty()
	return next
}

// inherit takes over what a group that failed had to say besides events.
func (g *group) inherit(failed *group) {
	for c := range failed.cursors {
		g.cursors[c] = struct{}{}
	}
	for l := range failed.trims {
		g.trims[l] = struct{}{}
	}
	for _, l := range failed.topics {
		g.addTopic(l)
	}
}

func (g *group) addTopic(l *log) {
	g.topics = append(g.topics, l)
	g.b = appendBytes(appendNumbers(g.b, recordTopic, l.id), []byte(l.name))
}

func (g *group) addEvents(l *log, at time.Time, frames []byte, count int, done func([]byte, error)) {
	first := l.assigned
	l.assigned += uint64(count)
	g.b = appendNumbers(g.b, recordEvents, l.id, first, uint64(count), stamp(at), uint64(len(frames)))
	start := len(g.b)
	g.b = append(g.b, frames...)
	g.appends = append(g.appends, appending{l, first, uint64(count), stamp(at), start, len(g.b), done, nil})
}

// tell answers for the group: to each append, and whoever waits for all.
func (g *group) tell() {
	for i := range g.appends {
		a := &g.appends[i]
		frames := g.b[a.start:a.end:a.end]
		if g.err == nil {
			a.grown(a.first, frames, int(a.count))
		}
		a.done(frames, g.err)
	}
	close(g.told)
}
