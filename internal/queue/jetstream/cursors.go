package jetstream

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// maxWriting is how many cursors and trims are written at a time.
const maxWriting = 32

// Cursors visits every cursor of the topic, whichever server moved it.
func (s *Store) Cursors(topic string, visit func(string, uint64)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for client, c := range s.state.cursors[topic] {
		visit(client, c.next)
	}
	return nil
}

// SetCursor makes or moves a cursor, never back. It is written as soon as
// those before it are.
func (s *Store) SetCursor(topic, client string, next uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	of := cursorOf{topic, client}
	known := s.state.cursors[topic][client]
	s.set(of, cursor{max(known.next, next), known.revision})
	s.dirty[of] = struct{}{}
	s.stir()
	return nil
}

// stir has what is to be written, written.
func (s *Store) stir() {
	select {
	case s.stirred <- struct{}{}:
	default:
	}
}

// write writes cursors and trims until the store ends.
func (s *Store) write() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.stirred:
		}
		ctx, cancel := s.patience()
		err := s.flush(ctx)
		cancel()
		if err != nil && s.ctx.Err() == nil {
			s.config.Logger.Warn("cursors are not written yet", "err", err)
			s.stir()
			s.broker.pause(s.ctx)
		}
	}
}

// Sync waits until what was appended is answered for, and every cursor safe.
func (s *Store) Sync() error {
	s.mu.Lock()
	err := s.refusal()
	before := make(map[*log]int)
	for _, l := range s.logs {
		if l.answered < l.appended {
			before[l] = l.appended
		}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := s.patience()
	defer cancel()
	for l, appended := range before {
		if err := s.await(ctx, func() bool { return l.answered >= appended }); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// flush writes what has changed, once for all changes so far.
func (s *Store) flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	var jobs []func() error
	s.mu.Lock()
	for of := range s.dirty {
		jobs = append(jobs, func() error { return s.writeCursor(ctx, of) })
	}
	clear(s.dirty)
	for _, l := range s.logs {
		if first := l.first; l.purged < first {
			jobs = append(jobs, func() error { return s.purge(ctx, l, first) })
		}
	}
	s.mu.Unlock()
	return together(jobs)
}

// together does jobs, some at a time.
func together(jobs []func() error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	slots := make(chan struct{}, maxWriting)
	for _, job := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			if err := job(); err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
			<-slots
		})
	}
	wg.Wait()
	return failed
}

// writeCursor writes where a cursor stands, unless another server has moved
// it further.
func (s *Store) writeCursor(ctx context.Context, of cursorOf) error {
	err := s.broker.retry(ctx, func(try context.Context) error {
		s.mu.Lock()
		c := s.state.cursors[of.topic][of.client]
		s.mu.Unlock()
		revision, err := s.kv.Update(try, of.key(), strconv.AppendUint(nil, c.next, 10), c.revision)
		if errors.Is(err, jetstream.ErrKeyExists) { // the revision is another
			return s.adopt(try, of)
		}
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			now := s.state.cursors[of.topic][of.client]
			s.set(of, cursor{now.next, max(now.revision, revision)})
		}
		return err
	})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dirty[of] = struct{}{}
	}
	return err
}

var errMoved = errors.New("another server has moved the cursor")

// adopt learns where another server has put a cursor. If that is not as far
// as here, it is to be written again.
func (s *Store) adopt(ctx context.Context, of cursorOf) error {
	entry, err := s.kv.Get(ctx, of.key())
	if err != nil {
		return err
	}
	there, err := strconv.ParseUint(string(entry.Value()), 10, 64)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	here := s.state.cursors[of.topic][of.client]
	s.set(of, cursor{max(here.next, there), max(here.revision, entry.Revision())})
	if there < here.next {
		return errMoved
	}
	return nil
}

// purge lets the broker drop what was trimmed, and tells all servers.
func (s *Store) purge(ctx context.Context, l *log, first uint64) error {
	err := s.broker.retry(ctx, func(try context.Context) error {
		if err := l.there.Purge(try, jetstream.WithPurgeSequence(first)); err != nil {
			return err
		}
		_, err := s.kv.Put(try, "f."+escape(l.topic), strconv.AppendUint(nil, first, 10))
		return err
	})
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		l.purged = max(l.purged, first)
	}
	return err
}
