package jetstream

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rawlab/framing"
)

// maxBatch is how many messages a broker stores as one, all or none.
const maxBatch = 1000

// room for the headers of a message, beside the frame and its stamp.
const headerRoom = 512

// appending is what one Append brought.
type appending struct {
	frames []byte
	count  int
	at     time.Time
	until  time.Time // it is refused when the broker has not answered by then
	done   func([]byte, error)
}

// group is what is sent together: one group of a topic at a time is on its
// way, so that the order stands however often something is sent again.
type group struct {
	appends []*appending
	last    uint64 // the highest offset in it, once it is safe
}

// Append gives frames to the next group.
func (s *Store) Append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) {
	if err := s.append(topic, at, frames, count, done); err != nil {
		done(frames, err)
	}
}

func (s *Store) append(topic string, at time.Time, frames []byte, count int, done func([]byte, error)) error {
	if err := s.fits(frames); err != nil {
		return err
	}
	a := &appending{append([]byte(nil), frames...), count, at, s.config.Clock.Now().Add(s.config.Patience), done}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.waiting > 0 && s.waiting+len(frames) > maxWaiting && s.refusal() == nil {
		s.changed.Wait()
	}
	if err := s.refusal(); err != nil {
		return err
	}
	l := s.logs[topic]
	if l == nil {
		return fmt.Errorf("jetstream: topic %q has no log", topic)
	}
	s.waiting += len(frames)
	l.queue = append(l.queue, a)
	l.appended++
	select {
	case l.ready <- struct{}{}:
	default:
	}
	return nil
}

// fits says whether the broker takes every one of the frames.
func (s *Store) fits(frames []byte) error {
	limit := int(s.broker.conn.MaxPayload()) - stamp - headerRoom
	for rest := frames; len(frames) > limit && len(rest) > 0; {
		n := frameSize(rest)
		if n > limit {
			return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, limit)
		}
		rest = rest[n:]
	}
	return nil
}

// frameSize reads the length prefix, which does not count itself.
func frameSize(b []byte) int { return int(binary.BigEndian.Uint32(b)) + 4 }

// send sends what is appended to a log, until the store ends.
func (s *Store) send(l *log) {
	for {
		select {
		case <-l.ready:
		case <-s.ctx.Done():
			s.refuseAll(l)
			return
		}
		for g := s.nextGroup(l); g != nil; g = s.nextGroup(l) {
			if err := s.deliver(l, g); err != nil {
				s.config.Logger.Warn("events were refused", "topic", l.topic, "appends", len(g.appends), "err", err)
				s.answer(l, g, err)
			}
		}
	}
}

// nextGroup takes what waits, as much as one batch holds.
func (s *Store) nextGroup(l *log) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, n := 0, 0
	for n < len(l.queue) && (n == 0 || count+l.queue[n].count <= maxBatch) {
		count += l.queue[n].count
		n++
	}
	if n == 0 {
		return nil
	}
	g := &group{appends: l.queue[:n:n]}
	l.queue = l.queue[n:]
	return g
}

// refuseAll answers for what the store's end has left.
func (s *Store) refuseAll(l *log) {
	for g := s.nextGroup(l); g != nil; g = s.nextGroup(l) {
		s.answer(l, g, ErrClosed)
	}
	s.mu.Lock()
	left := l.arriving
	l.arriving = nil
	s.mu.Unlock()
	for _, g := range left {
		s.answer(l, g, ErrClosed)
	}
}

// answer says what became of a group.
func (s *Store) answer(l *log, g *group, err error) {
	bytes := 0
	for _, a := range g.appends {
		bytes += len(a.frames)
		a.done(a.frames, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting -= bytes
	l.answered += len(g.appends)
	s.changed.Broadcast()
}

// deliver makes a group safe, and has it answered for once it was told of.
func (s *Store) deliver(l *log, g *group) error {
	ctx, cancel := context.WithTimeout(s.ctx, g.appends[0].until.Sub(s.config.Clock.Now()))
	defer cancel()
	for messages := g.messages(l.subject); len(messages) > 0; {
		n := min(maxBatch, len(messages))
		last, err := s.store(ctx, messages[:n])
		if err != nil {
			return err
		}
		g.last = max(g.last, last)
		messages = messages[n:]
	}
	s.mu.Lock()
	told := l.told > g.last
	if !told {
		l.arriving = append(l.arriving, g)
	}
	s.mu.Unlock()
	if told {
		s.answer(l, g, nil)
	}
	return nil
}

// messages returns one message for each event.
func (g *group) messages(subject string) []*nats.Msg {
	var list []*nats.Msg
	for _, a := range g.appends {
		at := binary.BigEndian.AppendUint64(nil, uint64(nanoseconds(a.at)))
		for rest := a.frames; len(rest) > 0; {
			n := frameSize(rest)
			m := &nats.Msg{Subject: subject, Data: append(append(make([]byte, 0, stamp+n), at...), rest[:n]...), Header: nats.Header{}}
			if origin, sequence, ok := framing.Identify(rest[:n]); ok {
				m.Header[jetstream.MsgIDHeader] = []string{strconv.FormatUint(origin, 16) + ":" + strconv.FormatUint(sequence, 16)}
			}
			list = append(list, m)
			rest = rest[n:]
		}
	}
	return list
}

// store makes messages safe, all or none, and returns the highest sequence
// that one of them has in the stream. If the broker has some already, because
// its answer to a former try was lost or they came through another server,
// each is asked for by itself, in order.
func (s *Store) store(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	err = s.broker.retry(ctx, func(try context.Context) (err error) {
		last, err = s.batch(try, messages)
		return err
	})
	if api, ok := errors.AsType[*jetstream.APIError](err); !ok || api.ErrorCode != codeBatchDuplicate {
		return last, err
	}
	for _, m := range messages {
		m.Header = nats.Header{jetstream.MsgIDHeader: m.Header[jetstream.MsgIDHeader]}
		err := s.broker.retry(ctx, func(try context.Context) error {
			sequence, err := s.ask(try, m)
			last = max(last, sequence)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}

// batch publishes messages as one atomic batch (NATS ADR-50); the answer is
// to the last.
func (s *Store) batch(ctx context.Context, messages []*nats.Msg) (uint64, error) {
	last := messages[len(messages)-1]
	if len(messages) == 1 {
		return s.ask(ctx, last)
	}
	s.mu.Lock()
	s.batches++
	name := []string{strconv.FormatUint(s.state.me, 36) + "-" + strconv.FormatUint(s.batches, 36)}
	s.mu.Unlock()
	for i, m := range messages {
		m.Header["Nats-Batch-Id"] = name
		m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
		if i < len(messages)-1 {
			if err := s.broker.conn.PublishMsg(m); err != nil {
				return 0, err
			}
		}
	}
	last.Header["Nats-Batch-Commit"] = []string{"1"}
	return s.ask(ctx, last)
}

// ask publishes one message and returns its sequence in the stream.
func (s *Store) ask(ctx context.Context, m *nats.Msg) (uint64, error) {
	reply, err := s.broker.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return 0, err
	}
	var answer struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return 0, fmt.Errorf("unreadable answer to %s: %w", m.Subject, err)
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	return answer.Sequence, nil
}
