package disk

import (
	"errors"
	"runtime"
	"syscall"
)

// write is the goroutine that writes group after group. What comes while one
// is being made safe gathers for the next.
func (s *Store) write() {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.written = true
		s.moving.Broadcast()
		close(s.answers)
	}()
	for {
		s.linger()
		g := s.take()
		if g == nil {
			return
		}
		err := s.makeRoom(pages(len(g.b)))
		if err == nil {
			err = s.journal.write(seal(g.b, s.journal.mark, s.journal.number))
		}
		if err != nil {
			s.fail(g, err)
			continue
		}
		s.succeed(g)
	}
}

// answerAll is the goroutine that tells of groups, while the next is written.
func (s *Store) answerAll() {
	for g := range s.answers {
		g.tell()
	}
}

// linger lets publishers that are about to append, most often because they
// were just answered, join the group: as long as they come, it yields to them.
func (s *Store) linger() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.gather.wanted && !s.closed {
		s.work.Wait()
	}
	for before := -1; before != len(s.gather.appends) && len(s.gather.b) < s.groupLimit(); {
		before = len(s.gather.appends)
		s.mu.Unlock()
		for range lingerYields {
			runtime.Gosched()
		}
		s.mu.Lock()
	}
}

const lingerYields = 4

// take waits for a group to write; nil when there will be none.
func (s *Store) take() *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.gather.wanted {
		if s.closed && s.gather.empty() {
			return nil
		}
		if s.closed {
			break
		}
		s.work.Wait()
	}
	g := s.gather
	s.latest, s.gather = g, g.finish(s.groupLimit())
	s.room.Broadcast()
	return g
}

// makeRoom turns to the other journal file when this one is full, once what
// was in that has moved into blocks.
func (s *Store) makeRoom(size int) error {
	if s.journal.fits(size) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.frozen != nil && s.moveErr == nil {
		s.moving.Wait()
	}
	if s.frozen != nil {
		return s.moveErr
	}
	s.freeze()
	s.journal.turn()
	s.moving.Broadcast()
	return nil
}

// succeed makes a safe group visible, and has it told of.
func (s *Store) succeed(g *group) {
	if s.failing {
		s.log.Info("events are taken again", "folder", s.name)
	}
	s.failing = false
	s.mu.Lock()
	for i := range g.appends {
		a := &g.appends[i]
		a.log.add(chunk{a.first, a.count, a.at, g.b[a.start:a.end:a.end]})
		a.grown = a.log.grown
	}
	s.mu.Unlock()
	s.answers <- g
}

// fail refuses a group, and what has gathered behind it: offsets have no holes.
func (s *Store) fail(g *group, err error) {
	if !s.failing {
		s.log.Error("events are refused", "folder", s.name, "err", err)
	}
	s.failing = true
	s.mu.Lock()
	behind := s.gather
	s.gather = newGroup(0)
	for _, failed := range []*group{g, behind} {
		s.gather.inherit(failed)
		for _, a := range failed.appends {
			a.log.assigned = a.log.next
		}
	}
	if e, ok := errors.AsType[*brokenError](err); ok && s.broken == nil {
		s.broken = e
	}
	if s.closed || s.broken != nil {
		s.gather = newGroup(0) // nobody will write it
	}
	if !s.gather.empty() {
		s.wantSoon()
	}
	s.room.Broadcast()
	s.mu.Unlock()
	g.err, behind.err = err, err
	s.answers <- g
	s.answers <- behind
}

// isFull reports whether the disk had no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
