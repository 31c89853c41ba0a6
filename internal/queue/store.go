package queue

import "time"

// Store keeps the logs of stored topics and the cursors of named clients.
//
// Offsets count a topic's events from 1, without holes. The queue calls
// methods for one topic one at a time, for several topics at once. Frames
// are encoded events without offset and checksum, end to end. Its types are
// those of the standard library, so that a store need not know this package.
type Store interface {
	// Epoch names the life of the logs: it differs once they were lost.
	Epoch() uint64
	// Topics returns the names of all topics with a log.
	Topics() []string
	// Open makes sure that the topic has a log.
	Open(topic string) error
	// Append adds count frames that came at the given time, all or none of
	// them, and returns the offset of the first. When it returns, they are safe.
	Append(topic string, at time.Time, frames []byte, count int) (first uint64, err error)
	// Bounds returns the oldest offset in the log and the one to come next;
	// they are equal when it is empty.
	Bounds(topic string) (first, next uint64)
	// Read visits the frames from offset from on until visit returns false.
	// A frame is valid during the call only.
	Read(topic string, from uint64, visit func(offset uint64, frame []byte) bool) error
	// Trim drops the oldest frames until at most count and bytes are left,
	// none from before the given time. A zero limit does not limit. Each is
	// visited before it goes; visit may be nil.
	Trim(topic string, count int, bytes int64, before time.Time, visit func(offset uint64, frame []byte)) error
	// Cursors visits every cursor: the next offset that the client wants.
	Cursors(topic string, visit func(client string, next uint64)) error
	// SetCursor makes or moves a cursor.
	SetCursor(topic, client string, next uint64) error
	Close() error
}

// Retention bounds the log of each stored topic. Zero fields have defaults,
// negative ones do not limit.
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
