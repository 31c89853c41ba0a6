package udpq

import (
	"time"

	"rawlab/framing"
)

// repairTime is how long a piece of an event may take to be repaired, about.
const repairTime = 15 * time.Second

// logging is a machine that knows the offsets of stored events.
type logging interface {
	// stored notes that one leaves, in pieces.
	stored(time.Time, *framing.Frame)
	// whole takes one that came in pieces, and returns the frames to deliver.
	whole(time.Time, *framing.Frame) [][]byte
}

// posting says that an event leaves in pieces, which are posted next.
func (l *link) posting(f *framing.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, is := l.machine.(logging); is {
		m.stored(l.clock.Now(), f)
	}
}

// whole takes a stored event that has come in pieces, and returns the frames
// to deliver. It reports false if the order of pieces is enough.
func (l *link) whole(f *framing.Frame) (ready [][]byte, ordered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, is := l.machine.(logging)
	if !is {
		return nil, false
	}
	return m.whole(l.clock.Now(), f), true
}

// unsure returns why something that was posted may not have come, nil if all
// is known.
func (l *link) unsure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, is := l.machine.(doubtful); is {
		return m.unsure()
	}
	return nil
}
