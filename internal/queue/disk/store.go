package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"rawlab/internal/clock"
)

// Config configures a store. The zero value works.
type Config struct {
	JournalBytes int64        // of each of the two files, default DefaultJournalBytes; memory may hold as much again
	Clock        clock.Clock  // default clock.Real
	Logger       *slog.Logger // told what was cut or cannot be written, default silent
}

// DefaultJournalBytes is the size of each journal file unless told otherwise.
const DefaultJournalBytes = 32 << 20

const minJournalBytes = 64 << 10

// Store is a queue's store in a folder. It is safe for concurrent use.
type Store struct {
	name    string // of the folder
	dir     files
	lock    *os.File // nil in tests
	epoch   uint64
	log     *slog.Logger
	clock   clock.Clock
	opened  Summary
	running sync.WaitGroup

	journal  *journal // of the writer, as is failing
	failing  bool     // the last group was refused
	state    *state   // of the mover, as is what follows
	until    uint64   // number of the first group that is not in the state
	nextData uint64   // number of the data file to come

	mu      sync.Mutex
	work    sync.Cond // for the writer: something to write, or the end
	room    sync.Cond // for Append: a group was taken
	moving  sync.Cond // for writer and mover: something was frozen, moved, or failed
	logs    map[string]*log
	byID    []*log // id 1 first
	library library
	gather  *group      // being filled
	latest  *group      // that was taken to be written, perhaps told of by now
	answers chan *group // written, to be told of; a few, since telling may take longer than writing
	lazy    clock.Timer
	frozen  *frozen // to be moved into blocks, nil if nothing is
	moveErr error   // why it could not be, the last time
	retry   bool    // it is time to try again
	broken  error   // why nothing can be written any more
	closed  bool
	written bool // the writer has written its last
}

// Summary is what a store held when it was opened.
type Summary struct {
	Topics, Cursors int
	Events          uint64
	Bytes           int64 // of their frames
	Made            bool  // the store is new
}

// Opened returns what the store held when it was opened.
func (s *Store) Opened() Summary { return s.opened }

// Epoch names the life of the logs: it was drawn when the folder was made.
func (s *Store) Epoch() uint64 { return s.epoch }

// Topics returns the names of all topics with a log.
func (s *Store) Topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.logs))
}

// Open makes sure that the topic has a log, and returns once that is safe.
func (s *Store) Open(topic string, grown func(uint64, []byte, int)) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	l, known := s.logs[topic]
	if !known {
		l = s.addLog(topic)
		s.gather.addTopic(l)
	}
	l.grown = grown
	s.mu.Unlock()
	if known {
		return nil
	}
	return s.Sync()
}

func (s *Store) addLog(topic string) *log {
	l := newLog(uint64(len(s.byID)+1), topic)
	l.touched = true
	s.logs[topic] = l
	s.byID = append(s.byID, l)
	return l
}

// Append gives frames to the next write.
func (s *Store) Append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) {
	if err := s.append(topic, at, frames, count, done); err != nil {
		done(frames, err)
	}
}

func (s *Store) append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) error {
	if len(frames) > s.largest() {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(frames), s.largest())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.gather.appends) > 0 && len(s.gather.b)+len(frames) > s.groupLimit() && s.refusal() == nil {
		s.room.Wait()
	}
	if err := s.refusal(); err != nil {
		return err
	}
	l := s.logs[topic]
	if l == nil {
		l = s.addLog(topic)
		s.gather.addTopic(l)
	}
	s.gather.addEvents(l, at, frames, count, done)
	s.want()
	return nil
}

// largest is how many bytes of frames fit into one append.
func (s *Store) largest() int { return s.groupLimit() }

func (s *Store) groupLimit() int { return min(maxGroup, int(s.journal.size)/4) }

// refusal says why nothing is written any more.
func (s *Store) refusal() error {
	if s.closed {
		return ErrClosed
	}
	return s.broken
}

// want has the gathered group written as soon as possible.
func (s *Store) want() {
	if !s.gather.wanted {
		s.gather.wanted = true
		s.work.Signal()
	}
}

// wantSoon has it written before long.
func (s *Store) wantSoon() {
	if s.lazy == nil && !s.gather.wanted {
		s.lazy = s.clock.AfterFunc(laziness, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lazy = nil
			if !s.gather.empty() {
				s.want()
			}
		})
	}
}

// Bounds returns the oldest offset and the one to come next.
func (s *Store) Bounds(topic string) (first, next uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return 1, 1
	}
	return l.first, l.next
}

// Bytes returns the size of the topic's frames.
func (s *Store) Bytes(topic string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		return l.appended - l.trimmed
	}
	return 0
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

// SetCursor makes or moves a cursor. It is written with what comes next, or
// within 50 ms.
func (s *Store) SetCursor(topic, client string, next uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	l := s.logs[topic]
	if l == nil {
		return fmt.Errorf("disk: topic %q has no log", topic)
	}
	l.cursors[client] = next
	l.moved[client] = struct{}{}
	s.gather.cursors[cursorOf{l, client}] = struct{}{}
	s.wantSoon()
	return nil
}

// Origins visits the last sequence of the streams that the topic's events
// came in: of the latest 1,024 at least, also of events that were trimmed.
func (s *Store) Origins(topic string, visit func(origin, sequence uint64)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		for _, of := range l.origins.recent(0) {
			visit(of.origin, l.origins.streams[of].sequence)
		}
	}
	return nil
}

// Sync waits until everything done before it is safe.
func (s *Store) Sync() error {
	s.mu.Lock()
	g := s.gather
	switch {
	case s.refusal() != nil:
		defer s.mu.Unlock()
		return s.refusal()
	case !g.empty():
		s.want()
	case s.latest != nil:
		g = s.latest
	default:
		defer s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	<-g.told
	return g.err
}

// Close makes everything safe, moves what is in the journal into blocks and
// ends the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.work.Broadcast()
	s.room.Broadcast()
	s.moving.Broadcast()
	s.mu.Unlock()
	s.running.Wait()
	if s.broken == nil && s.frozen == nil && s.journal.number > s.until {
		s.mu.Lock()
		s.freeze()
		s.mu.Unlock()
		if err := s.move(s.frozen); err != nil {
			s.log.Warn("what is in the journal stays there until the next start", "folder", s.name, "err", err)
		}
	}
	return errors.Join(s.broken, s.release())
}

// Abandon ends the store as the end of its process would: what is written
// stays, and what only gathers is never written nor answered for. The folder
// may be opened again.
func (s *Store) Abandon() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed, s.gather = true, newGroup(0)
	s.work.Broadcast()
	s.room.Broadcast()
	s.moving.Broadcast()
	s.mu.Unlock()
	s.running.Wait()
	return s.release()
}

// release gives back files and the folder.
func (s *Store) release() error {
	var err error
	if s.journal != nil {
		err = s.journal.close()
	}
	if s.state != nil {
		err = errors.Join(err, s.state.close())
	}
	err = errors.Join(err, s.library.close())
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
