// Package memory keeps the logs of a queue in this process's memory: they
// are lost with it, and a new epoch tells so.
//
// It knows nothing of topics' meaning, frames' content or clients; the queue
// tells it when to trim. All logs together are bounded in bytes; an append
// over that is refused, never traded for an older event.
package memory

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrFull means that the logs together have reached their bound.
var ErrFull = errors.New("memory: store is full")

// DefaultLimit bounds all logs together in bytes unless told otherwise.
const DefaultLimit = 256 << 20

// Store is a queue's store in memory. Calls for different topics may run
// concurrently, calls for the same topic may not.
type Store struct {
	epoch uint64
	limit int64

	mu   sync.Mutex
	used int64
	logs map[string]*log
}

// log holds one topic's frames; records[0] has offset first.
type log struct {
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
func (s *Store) Open(topic string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(topic)
	return nil
}

func (s *Store) open(topic string) *log {
	l := s.logs[topic]
	if l == nil {
		l = &log{first: 1, cursors: make(map[string]uint64)}
		s.logs[topic] = l
	}
	return l
}

// Append adds count frames, all or none.
func (s *Store) Append(topic string, at time.Time, frames []byte, count int) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+int64(len(frames)) > s.limit {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrFull, s.used, s.limit)
	}
	l := s.open(topic)
	first := l.first + uint64(len(l.records))
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

// Read visits the frames from offset from on.
func (s *Store) Read(topic string, from uint64, visit func(uint64, []byte) bool) error {
	for i, r := range s.since(topic, &from) {
		if !visit(from+uint64(i), r.frame) {
			break
		}
	}
	return nil
}

// since returns the records from offset from on, which it moves up to the
// oldest one there is. They are read unlocked, so that a long replay of one
// topic stops no other; the same topic's Trim does not run meanwhile.
func (s *Store) since(topic string, from *uint64) []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return nil
	}
	*from = max(*from, l.first)
	skip := min(*from-l.first, uint64(len(l.records)))
	return l.records[skip:]
}

// Trim drops the oldest frames until the limits hold.
func (s *Store) Trim(topic string, count int, bytes int64, before time.Time, visit func(uint64, []byte)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return nil
	}
	for len(l.records) > 0 && l.over(count, bytes, before) {
		if visit != nil {
			visit(l.first, l.records[0].frame)
		}
		s.used -= int64(l.drop())
	}
	return nil
}

func (l *log) over(count int, bytes int64, before time.Time) bool {
	return count > 0 && len(l.records) > count ||
		bytes > 0 && l.bytes > bytes ||
		l.records[0].at.Before(before)
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

// Close does nothing: the memory goes with the last use of s.
func (s *Store) Close() error { return nil }
