// Package memory keeps the logs of a queue in this process's memory: they
// are lost with it, and a new epoch tells so.
//
// It knows nothing of topics' meaning or of clients, and of frames only where
// their size and identity stand; the queue tells it when to trim. All logs together are bounded in bytes; an append
// over that is refused, never traded for an older event.
package memory

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rawlab/framing"
)

// ErrFull means that the logs together have reached their bound.
var ErrFull = errors.New("memory: store is full")

// DefaultLimit bounds all logs together in bytes unless told otherwise.
const DefaultLimit = 256 << 20

// Store is a queue's store in memory. It is safe for concurrent use, but
// Trim for one topic belongs to one caller at a time.
type Store struct {
	epoch uint64
	limit int64

	mu   sync.Mutex
	used int64
	logs map[string]*log
}

// log holds one topic's frames; records[0] has offset first.
type log struct {
	growing sync.Mutex // held while grown is told, so that offsets come in order; before Store.mu
	grown   func(first uint64, frames []byte, count int)

	first   uint64
	bytes   int64
	records []record
	cursors map[string]uint64
}

type record struct {
	at    time.Time
	frame []byte
}

// New returns an empty store of up to limit bytes of frames; limit 0 means
// [DefaultLimit].
func New(limit int64) *Store { return NewWithEpoch(limit, randomEpoch()) }

// NewWithEpoch is New with an epoch that the caller has drawn, for runs that
// must repeat to the byte.
func NewWithEpoch(limit int64, epoch uint64) *Store {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Store{epoch: max(1, epoch), limit: limit, logs: make(map[string]*log)}
}

func randomEpoch() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return max(1, binary.BigEndian.Uint64(b[:]))
}

// Epoch returns a number drawn when the store was made.
func (s *Store) Epoch() uint64 { return s.epoch }

// Topics returns the names of all topics with a log.
func (s *Store) Topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.logs))
	for name := range s.logs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Open makes sure that the topic has a log.
func (s *Store) Open(topic string, grown func(uint64, []byte, int)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(topic).grown = grown
	return nil
}

func (s *Store) open(topic string) *log {
	l := s.logs[topic]
	if l == nil {
		l = &log{first: 1, cursors: make(map[string]uint64), grown: func(uint64, []byte, int) {}}
		s.logs[topic] = l
	}
	return l
}

// Append adds count frames, all or none, and calls done before it returns.
func (s *Store) Append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) {
	s.mu.Lock()
	l := s.open(topic)
	s.mu.Unlock()
	done(frames, s.grow(l, at, frames, count))
}

func (s *Store) grow(l *log, at time.Time, frames []byte, count int) error {
	l.growing.Lock()
	defer l.growing.Unlock()
	first, err := s.add(l, at, frames, count)
	if err == nil {
		l.grown(first, frames, count)
	}
	return err
}

func (s *Store) add(l *log, at time.Time, frames []byte, count int) (first uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+int64(len(frames)) > s.limit {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrFull, s.used, s.limit)
	}
	first = l.first + uint64(len(l.records))
	own := slices.Clone(frames)
	for range count {
		n := frameSize(own)
		l.records = append(l.records, record{at, own[:n:n]})
		own = own[n:]
	}
	l.bytes += int64(len(frames))
	s.used += int64(len(frames))
	return first, nil
}

// frameSize reads the length prefix, which does not count itself.
func frameSize(b []byte) int { return int(binary.BigEndian.Uint32(b)) + 4 }

// Bounds returns the oldest offset and the one to come next.
func (s *Store) Bounds(topic string) (first, next uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return 1, 1
	}
	return l.first, l.first + uint64(len(l.records))
}

// Bytes returns the size of the topic's frames.
func (s *Store) Bytes(topic string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		return l.bytes
	}
	return 0
}

// Read visits the frames from offset from on.
func (s *Store) Read(topic string, from uint64, visit func(uint64, []byte) bool) error {
	var some [256]record
	for {
		n := s.since(topic, &from, some[:])
		for _, r := range some[:n] {
			if !visit(from, r.frame) {
				return nil
			}
			from++
		}
		if n < len(some) {
			return nil
		}
	}
}

// since copies records from offset from on, which it moves up to the oldest
// one there is. They are visited unlocked, so that a long replay stops nobody.
func (s *Store) since(topic string, from *uint64, some []record) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return 0
	}
	*from = max(*from, l.first)
	skip := min(*from-l.first, uint64(len(l.records)))
	return copy(some, l.records[skip:])
}

// Excess returns the oldest offset to keep within the limits.
func (s *Store) Excess(topic string, count int, bytes int64, before time.Time) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return 1, nil
	}
	drop, left := 0, l.bytes
	for drop < len(l.records) && (count > 0 && len(l.records)-drop > count ||
		bytes > 0 && left > bytes || l.records[drop].at.Before(before)) {
		left -= int64(len(l.records[drop].frame))
		drop++
	}
	return l.first + uint64(drop), nil
}

// Trim drops the frames before the offset first.
func (s *Store) Trim(topic string, first uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	for l != nil && l.first < first && len(l.records) > 0 {
		s.used -= int64(l.drop())
	}
	return nil
}

func (l *log) drop() int {
	n := len(l.records[0].frame)
	l.records[0] = record{} // lets go of the frame before append moves the slice
	l.records = l.records[1:]
	l.bytes -= int64(n)
	l.first++
	return n
}

// Cursors visits every cursor of the topic.
func (s *Store) Cursors(topic string, visit func(string, uint64)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		for client, next := range l.cursors {
			visit(client, next)
		}
	}
	return nil
}

// SetCursor makes or moves a cursor.
func (s *Store) SetCursor(topic, client string, next uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(topic).cursors[client] = next
	return nil
}

// Origins visits the last sequence of every stream in the topic's log.
func (s *Store) Origins(topic string, visit func(origin, sequence uint64)) error {
	type stream struct {
		origin uint64
		number uint16
	}
	type last struct{ origin, sequence, offset uint64 }
	streams := make(map[stream]last)
	err := s.Read(topic, 0, func(offset uint64, frame []byte) bool {
		if origin, sequence, ok := framing.Identify(frame); ok {
			number, _ := framing.SplitSequence(sequence)
			streams[stream{origin, number}] = last{origin, sequence, offset}
		}
		return true
	})
	recent := func(a, b last) int { return cmp.Compare(a.offset, b.offset) }
	for _, l := range slices.SortedFunc(maps.Values(streams), recent) {
		visit(l.origin, l.sequence)
	}
	return err
}

// Sync does nothing: what is done is as safe as it will be.
func (s *Store) Sync() error { return nil }

// Close does nothing: the memory goes with the last use of s.
func (s *Store) Close() error { return nil }
