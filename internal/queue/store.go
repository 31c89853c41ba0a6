package queue

import "time"

// Store keeps the logs of stored topics and the cursors of named clients.
//
// Offsets count a topic's events from 1, without holes. Frames are encoded
// events without offset and checksum, end to end. All methods may be called
// at once; only Trim is called for one topic by one caller at a time. Its
// types are those of the standard library, so that a store need not know
// this package.
//
// What is appended becomes visible, to Bounds, Read and whoever listens, once
// it is safe: as safe as the store promises, so that what was seen or
// acknowledged is never taken back. Until then the caller goes on, and more
// can gather for the same write.
type Store interface {
	// Epoch names the life of the logs: it differs once they were lost.
	Epoch() uint64
	// Topics returns the names of all topics with a log.
	Topics() []string
	// Open makes sure that the topic has a log, and says who is told what it
	// grows by. Grown is called in the order of offsets and never twice at a
	// time for one topic; frames are valid during the call. It may call every
	// method but Append, Sync and Close, and so may who waits for its locks.
	Open(topic string, grown func(first uint64, frames []byte, count int)) error
	// Append takes count frames that came at the given time to be added, all
	// or none, and copies them. It waits only where too much is on its way.
	// Done is called once, perhaps before Append returns: with nil when they
	// are safe and grown was told, else with why they were refused. It gets
	// the frames again, which are valid during the call. What it may call is
	// what grown may.
	Append(topic string, at time.Time, frames []byte, count int, done func(frames []byte, err error))
	// Bounds returns the oldest offset in the log and the one to come next;
	// they are equal when it is empty.
	Bounds(topic string) (first, next uint64)
	// Read visits the frames from offset from on, or from the oldest, until
	// visit returns false. A frame is valid during the call only. What is
	// trimmed meanwhile may be visited or not.
	Read(topic string, from uint64, visit func(offset uint64, frame []byte) bool) error
	// Excess returns the oldest offset to keep, so that at most count events
	// and bytes are left and none from before the given time. A zero limit
	// does not limit.
	Excess(topic string, count int, bytes int64, before time.Time) (first uint64, err error)
	// Trim drops the frames before the offset first.
	Trim(topic string, first uint64) error
	// Cursors visits every cursor: the next offset that the client wants.
	Cursors(topic string, visit func(client string, next uint64)) error
	// SetCursor makes or moves a cursor. It is safe after the next Sync, and
	// soon by itself: a move that is lost makes events come again.
	SetCursor(topic, client string, next uint64) error
	// Origins visits the last sequence in each of the streams that events of
	// the topic came in, see framing.Sequence: of as many streams as the
	// store remembers, those least recently used first.
	Origins(topic string, visit func(origin, sequence uint64)) error
	// Sync waits until everything done before it is safe.
	Sync() error
	// Close makes everything safe and ends the store.
	Close() error
}

// Retention bounds the log of each stored topic, whenever somebody emits to
// it or subscribes. Zero fields have defaults, negative ones do not limit.
type Retention struct {
	Count int           // events, default 1,048,576
	Bytes int64         // of encoded frames, default 64 MiB
	Age   time.Duration // since the event came, default 24 h
}

func (r Retention) orDefault() Retention {
	return Retention{
		Count: orDefault(r.Count, 1<<20),
		Bytes: orDefault(r.Bytes, 64<<20),
		Age:   orDefault(r.Age, 24*time.Hour),
	}
}

// orDefault returns v, fallback for 0, and 0, no limit, for a negative v.
func orDefault[T int | int64 | time.Duration](v, fallback T) T {
	switch {
	case v == 0:
		return fallback
	case v < 0:
		return 0
	}
	return v
}

// Shared is a [Store] that several servers have at once: topics, cursors and
// events also come from others. Grown is told of their events like of one's
// own.
type Shared interface {
	Store
	// Watch has opened and moved told of the topics and cursors that there
	// are, and of those that come. They are called one after the other, and may
	// call every method but Close, Refresh and Watch. It is called once.
	Watch(opened func(topic string) error, moved func(topic, client string, next uint64) error) error
	// Refresh returns once everything that others had done before it, to these
	// topics or to cursors, was told.
	Refresh(topics ...string) error
}
