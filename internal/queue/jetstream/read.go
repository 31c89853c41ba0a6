package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// What is asked for at a time.
const (
	readEvents = 512
	readBytes  = 256 << 10
)

// errShort means that a broker has answered that has not got everything yet.
var errShort = errors.New("the broker has not got it yet")

// Read visits the frames from offset from on, some at a time.
func (s *Store) Read(topic string, from uint64, visit func(uint64, []byte) bool) error {
	ctx, cancel := s.patience()
	defer cancel()
	for {
		l, from2, next := s.span(topic, from)
		if l == nil || from2 >= next {
			return nil
		}
		from = from2
		var some []message
		err := s.broker.retry(ctx, func(try context.Context) (err error) {
			some, err = s.get(try, l, from)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading %q: %w", topic, err)
		}
		for _, m := range some {
			if m.sequence >= next {
				break
			}
			if !visit(m.sequence, m.data[min(stamp, len(m.data)):]) {
				return nil
			}
			from = m.sequence + 1
		}
	}
}

// span returns a log, and what of it there is to read.
func (s *Store) span(topic string, from uint64) (l *log, first, next uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l = s.logs[topic]
	if l == nil {
		return nil, 0, 0
	}
	return l, max(from, l.first), l.next
}

// get asks the broker for messages from a sequence on (NATS ADR-31, batched
// direct get). If some are missing, others have trimmed the log.
func (s *Store) get(ctx context.Context, l *log, from uint64) (some []message, err error) {
	conn := s.broker.conn
	inbox := conn.NewInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	ask := fmt.Appendf(nil, `{"seq":%d,"batch":%d,"max_bytes":%d}`, from, readEvents, readBytes)
	if err := conn.PublishRequest("$JS.API.DIRECT.GET."+l.stream, inbox, ask); err != nil {
		return nil, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			sequence, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("unreadable answer: %w", err)
			}
			some = append(some, message{sequence: sequence, data: m.Data})
		case "204", "404":
			return some, s.reconcile(l, from, some)
		default:
			return nil, fmt.Errorf("%s %s", status, m.Header.Get("Description"))
		}
	}
}

// reconcile notes what others have trimmed: events before the first that the
// broker still has. It fails when there should be some and are none.
func (s *Store) reconcile(l *log, from uint64, some []message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(some) > 0:
		if some[0].sequence > from {
			l.forget(min(some[0].sequence, l.next))
		}
		return nil
	case from < l.first || from >= l.next:
		return nil // trimmed meanwhile, as we know
	}
	return errShort
}
