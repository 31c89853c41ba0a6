package labs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rawlab/internal/clock"
)

// errDead answers for what a dead server was asked; nobody hears it.
var errDead = errors.New("the server is dead")

// mortalStore is a server's store, and knows when to die. It names an epoch of
// the lab's, so that runs repeat: the store's life is the lab's.
type mortalStore struct {
	vault
	clock   clock.Clock
	epoch   uint64
	die     func()        // ends the server; of a process of its own, it does not return
	died    chan struct{} // closed then
	victims []eventID     // that came and were not stored; set before
	once    sync.Once

	mu   sync.Mutex
	at   deathPoint
	dead bool
}

// arm is of a [serverLife].
func (s *mortalStore) arm(ctx context.Context, at deathPoint) error {
	for began, done := s.clock.Now(), false; !done; {
		_, next := s.Bounds(topic)
		if err := s.Cursors(topic, func(_ string, at uint64) { done = at == next }); err != nil {
			return err
		}
		if s.clock.Now().Sub(began) > patience {
			return fmt.Errorf("the subscriber's place in the log did not reach its end within %v", patience)
		}
		if err := pause(ctx, s.clock, watchEvery); err != nil {
			return err
		}
	}
	if err := s.Sync(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
	return nil
}

func (s *mortalStore) Epoch() uint64 { return s.epoch }

// perish ends the server.
func (s *mortalStore) perish() {
	s.mu.Lock()
	s.dead = true
	s.mu.Unlock()
	s.once.Do(func() {
		s.die()
		close(s.died)
	})
}

func (s *mortalStore) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

func (s *mortalStore) point() deathPoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// Open has who is told of a log's growth told only while the server lives.
func (s *mortalStore) Open(topic string, grown func(uint64, []byte, int)) error {
	return s.vault.Open(topic, func(first uint64, frames []byte, count int) {
		if s.point() != dieAfterStore {
			grown(first, frames, count)
		}
	})
}

func (s *mortalStore) Append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) {
	switch s.point() {
	case dieBeforeStore:
		s.victims = slices.Collect(identities(frames))
		s.perish()
		done(frames, errDead)
	case dieAfterStore:
		s.vault.Append(topic, at, frames, count, func(frames []byte, _ error) {
			s.perish()
			done(frames, errDead)
		})
	default:
		s.vault.Append(topic, at, frames, count, done)
	}
}

// SetCursor moves no cursor any more once the server is dead.
func (s *mortalStore) SetCursor(topic, client string, next uint64) error {
	if s.isDead() {
		return errDead
	}
	return s.vault.SetCursor(topic, client, next)
}
