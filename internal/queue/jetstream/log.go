package jetstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// stamp is the bytes before the frame in a message: when the event came, in
// nanoseconds since 1970.
const stamp = 8

// log is what a server knows of a topic's stream: where it begins and ends,
// and when each of its events came.
type log struct {
	topic   string
	stream  string
	subject string
	there   jetstream.Stream // at the broker
	grown   func(first uint64, frames []byte, count int)
	live    uint64 // what comes from here on is growth

	first, next uint64
	begins      uint64 // where another server has trimmed it to, perhaps ahead of next
	told        uint64 // grown was told of everything before
	purged      uint64 // the broker was told that it begins here
	bytes       int64
	events      []event
	origins     origins

	ready    chan struct{} // capacity 1: there is something to send
	queue    []*appending  // to be sent
	arriving []*group      // safe, but not told of yet
	appended int           // how many Appends came
	answered int           // how many of them were answered for
}

// event is what is known of an event in the log.
type event struct {
	at   int64 // nanoseconds since 1970
	size int
}

// openLog makes sure that the topic has a stream, and follows it.
func (s *Store) openLog(ctx context.Context, topic string, grown func(uint64, []byte, int)) error {
	l := &log{
		topic: topic, stream: s.config.Name + "_" + token(topic), subject: s.config.Name + "." + token(topic),
		grown: grown, ready: make(chan struct{}, 1),
	}
	if err := s.makeStream(ctx, l); err != nil {
		return fmt.Errorf("making the stream of %q: %w", topic, err)
	}
	if err := s.register(ctx, topic); err != nil {
		return err
	}
	state := l.there.CachedInfo().State
	l.first = max(1, state.FirstSeq)
	l.purged = l.first
	l.next, l.told, l.live = l.first, l.first, max(l.first, state.LastSeq+1)
	s.mu.Lock()
	if other := s.logs[topic]; other != nil {
		other.grown = grown
		s.mu.Unlock()
		return nil
	}
	s.logs[topic] = l
	s.mu.Unlock()
	s.running.Go(func() {
		t := tail{broker: s.broker, stream: l.stream, next: l.next, take: func(m []message) { s.take(l, m) }}
		t.run(s.ctx)
	})
	s.running.Go(func() { s.send(l) })
	return s.await(ctx, func() bool { return l.next >= l.live })
}

// makeStream makes a log's stream, or finds it.
func (s *Store) makeStream(ctx context.Context, l *log) error {
	config := jetstream.StreamConfig{
		Name: l.stream, Subjects: []string{l.subject}, Description: fmt.Sprintf("rawlab topic %q", l.topic),
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Replicas: s.config.Replicas, Duplicates: s.config.DuplicateWindow,
		AllowDirect: true, AllowAtomicPublish: true,
	}
	err := s.broker.retry(ctx, func(try context.Context) (err error) {
		l.there, err = s.broker.js.CreateStream(try, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // made with another configuration
			l.there, err = s.broker.js.Stream(try, l.stream)
		}
		return err
	})
	if err != nil {
		return err
	}
	if made := l.there.CachedInfo().Config; !made.AllowAtomicPublish || !made.AllowDirect {
		return ErrVersion
	}
	return nil
}

// take notes what a stream has grown by, whoever appended it, and tells.
func (s *Store) take(l *log, list []message) {
	for len(list) > 0 {
		n := s.note(l, list)
		if last := list[n-1].sequence; last >= l.live {
			s.tell(l, list[:n])
		}
		list = list[n:]
	}
}

// note notes messages up to a hole, and returns how many. What is missing was
// trimmed by another server, with everything before it.
func (s *Store) note(l *log, list []message) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := list[0].sequence; first != l.next {
		l.forget(first)
	}
	for _, m := range list {
		if m.sequence != l.next || m.sequence == l.live && n > 0 {
			break
		}
		n++
		l.next++
		if m.sequence < l.first || len(m.data) < stamp {
			continue
		}
		frame := m.data[stamp:]
		l.events = append(l.events, event{int64(binary.BigEndian.Uint64(m.data)), len(frame)})
		l.bytes += int64(len(frame))
		l.origins.note(frame)
	}
	l.forget(min(l.begins, l.next))
	if l.next <= l.live {
		l.told = l.next
	}
	s.changed.Broadcast()
	return n
}

// forget drops what is known of events before an offset.
func (l *log) forget(first uint64) {
	if first <= l.first {
		return
	}
	n := min(first-l.first, uint64(len(l.events)))
	for _, e := range l.events[:n] {
		l.bytes -= int64(e.size)
	}
	l.events = l.events[n:]
	l.first, l.next = first, max(l.next, first)
}

// tell tells the queue of growth, and answers for what is in it.
func (s *Store) tell(l *log, list []message) {
	var frames []byte
	for _, m := range list {
		frames = append(frames, m.data[min(stamp, len(m.data)):]...)
	}
	s.mu.Lock()
	grown := l.grown
	s.mu.Unlock()
	grown(list[0].sequence, frames, len(list))
	s.mu.Lock()
	l.told = list[len(list)-1].sequence + 1
	var safe []*group
	for len(l.arriving) > 0 && l.arriving[0].last < l.told {
		safe = append(safe, l.arriving[0])
		l.arriving = l.arriving[1:]
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	for _, g := range safe {
		s.answer(l, g, nil)
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
		return l.bytes
	}
	return 0
}

// Excess returns the oldest offset to keep within the limits.
func (s *Store) Excess(topic string, count int, bytes int64, before time.Time) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[topic]
	if l == nil {
		return 1, nil
	}
	oldest := nanoseconds(before)
	drop, left := 0, l.bytes
	for drop < len(l.events) && (count > 0 && len(l.events)-drop > count ||
		bytes > 0 && left > bytes || l.events[drop].at < oldest) {
		left -= int64(l.events[drop].size)
		drop++
	}
	return l.first + uint64(drop), nil
}

// nanoseconds since 1970, 0 for the zero time.
func nanoseconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

// Trim lets go of the events before an offset. The broker is told soon.
func (s *Store) Trim(topic string, first uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		l.forget(min(first, l.next))
		s.stir()
	}
	return nil
}

// Origins visits the last sequence of the streams that the topic's events
// came in: of the latest 1,024 at least.
func (s *Store) Origins(topic string, visit func(origin, sequence uint64)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		for _, of := range l.origins.recent() {
			visit(of.origin, l.origins.streams[of].sequence)
		}
	}
	return nil
}
