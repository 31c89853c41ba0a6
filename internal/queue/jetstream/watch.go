package jetstream

import (
	"context"
)

// Watch has opened and moved told of the topics that there are, and of every
// cursor, from now on also of what other servers make and move. They are
// called one after the other, and may call every method but Close, Refresh
// and Watch. Call it once.
func (s *Store) Watch(opened func(topic string) error, moved func(topic, client string, next uint64) error) error {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.opened, s.moved = opened, moved
	for _, topic := range s.Topics() {
		if err := opened(topic); err != nil {
			return err
		}
	}
	s.mu.Lock()
	cursors := make(map[cursorOf]uint64)
	for topic, clients := range s.state.cursors {
		for client, c := range clients {
			cursors[cursorOf{topic, client}] = c.next
		}
	}
	s.mu.Unlock()
	for of, next := range cursors {
		if err := moved(of.topic, of.client, next); err != nil {
			return err
		}
	}
	return nil
}

// Refresh returns once everything that other servers have done to the topics
// before is known here, and watchers were told of it.
func (s *Store) Refresh(topics ...string) error {
	ctx, cancel := s.patience()
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	for _, topic := range topics {
		if err := s.catchUpLog(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// catchUpLog waits until what is in a stream now was told of.
func (s *Store) catchUpLog(ctx context.Context, topic string) error {
	s.mu.Lock()
	l := s.logs[topic]
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	var last uint64
	err := s.broker.retry(ctx, func(try context.Context) error {
		info, err := s.broker.js.Stream(try, l.stream)
		if err == nil {
			last = info.CachedInfo().State.LastSeq
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.await(ctx, func() bool { return l.told > last })
}
