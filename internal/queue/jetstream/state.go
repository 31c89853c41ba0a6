package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// state is what the servers share besides logs, as far as this one has
// followed it:
//
//	epoch            drawn once
//	t.TOPIC          there is a log
//	c.TOPIC.CLIENT   a cursor: the next offset that the client wants
//	f.TOPIC          where the log begins, since somebody trimmed it
//	sync             written to see one's own writing come back
type state struct {
	me       uint64 // drawn at the start: names batches
	followed uint64 // revision
	topics   map[string]bool
	cursors  map[string]map[string]cursor
}

type cursorOf struct{ topic, client string }

type cursor struct{ next, revision uint64 } // revision 0: not there yet

func (c cursorOf) key() string { return "c." + escape(c.topic) + "." + escape(c.client) }

func random() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return max(1, binary.BigEndian.Uint64(b[:]))
}

// openState makes the bucket and the epoch, or finds them.
func (s *Store) openState(ctx context.Context) error {
	s.state.me = random()
	config := jetstream.KeyValueConfig{Bucket: s.config.Name, Description: "rawlab: topics and cursors", History: 1, Replicas: s.config.Replicas, Storage: jetstream.FileStorage}
	err := s.broker.retry(ctx, func(try context.Context) (err error) {
		if s.kv, err = s.broker.js.KeyValue(try, s.config.Name); errors.Is(err, jetstream.ErrBucketNotFound) {
			s.kv, err = s.broker.js.CreateKeyValue(try, config)
		}
		return err
	})
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return ErrVersion
	case err != nil:
		return err
	}
	err = s.broker.retry(ctx, func(try context.Context) error {
		_, err := s.kv.Create(try, "epoch", strconv.AppendUint(nil, random(), 16))
		return err
	})
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return err
	}
	s.epoch, err = s.readEpoch(ctx)
	return err
}

func (s *Store) readEpoch(ctx context.Context) (epoch uint64, err error) {
	err = s.broker.retry(ctx, func(try context.Context) error {
		bucket, err := s.broker.js.KeyValue(try, s.config.Name) // asks whether it is there
		if err != nil {
			return err
		}
		entry, err := bucket.Get(try, "epoch")
		if err != nil {
			return err
		}
		epoch, err = strconv.ParseUint(string(entry.Value()), 16, 64)
		return err
	})
	return epoch, err
}

// recheck checks whether a broker that has come back is the same.
func (s *Store) recheck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Go(s.check)
	}
}

// check ends the store when the broker that has come back is one that knows
// nothing of the logs.
func (s *Store) check() {
	epoch, err := s.readEpoch(s.ctx)
	if s.ctx.Err() != nil || err == nil && epoch == s.epoch {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = ErrLost
	s.changed.Broadcast()
	s.config.Logger.Error("the broker has lost the logs", "epoch", fmt.Sprintf("%016x", s.epoch), "err", err)
}

// register tells all servers that there is a log.
func (s *Store) register(ctx context.Context, topic string) error {
	s.mu.Lock()
	known := s.state.topics[topic]
	s.mu.Unlock()
	if known {
		return nil
	}
	err := s.broker.retry(ctx, func(try context.Context) error {
		_, err := s.kv.Create(try, "t."+escape(topic), []byte(topic))
		return err
	})
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.topics[topic] = true
	return nil
}

// catchUp waits until everything written before is known here.
func (s *Store) catchUp(ctx context.Context) error {
	var revision uint64
	err := s.broker.retry(ctx, func(try context.Context) (err error) {
		revision, err = s.kv.Put(try, "sync", nil)
		return err
	})
	if err != nil {
		return err
	}
	return s.await(ctx, func() bool { return s.state.followed >= revision })
}

// follow takes what anybody has written.
func (s *Store) follow(list []message) {
	s.telling.Lock()
	defer s.telling.Unlock()
	for _, m := range list {
		key := strings.TrimPrefix(m.subject, "$KV."+s.config.Name+".")
		err := s.learn(key, m)
		for errors.Is(err, ErrAway) && s.broker.pause(s.ctx) {
			err = s.learn(key, m)
		}
		if err != nil {
			s.config.Logger.Error("what another server did is not followed", "key", key, "err", err)
		}
		s.mu.Lock()
		s.state.followed = m.sequence
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

func (s *Store) learn(key string, m message) error {
	kind, rest, _ := strings.Cut(key, ".")
	first, second, _ := strings.Cut(rest, ".")
	topic, err := unescape(first)
	if err != nil {
		return err
	}
	switch kind {
	case "t":
		return s.learnTopic(topic)
	case "f":
		return s.learnFirst(topic, m.data)
	case "c":
		client, err := unescape(second)
		if err != nil {
			return err
		}
		return s.learnCursor(cursorOf{topic, client}, m)
	}
	return nil
}

func (s *Store) learnTopic(topic string) error {
	s.mu.Lock()
	s.state.topics[topic] = true
	s.mu.Unlock()
	if s.opened == nil {
		return nil
	}
	return s.opened(topic)
}

func (s *Store) learnFirst(topic string, value []byte) error {
	first, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[topic]; l != nil {
		l.begins = max(l.begins, first)
		l.forget(min(first, l.next))
	}
	return nil
}

func (s *Store) learnCursor(of cursorOf, m message) error {
	next, err := strconv.ParseUint(string(m.data), 10, 64)
	if err != nil {
		return err
	}
	s.mu.Lock()
	known := s.state.cursors[of.topic][of.client]
	s.set(of, cursor{max(known.next, next), max(known.revision, m.sequence)})
	s.mu.Unlock()
	if s.moved == nil {
		return nil
	}
	return s.moved(of.topic, of.client, next)
}

// set notes where a cursor stands. The caller holds mu.
func (s *Store) set(of cursorOf, c cursor) {
	clients := s.state.cursors[of.topic]
	if clients == nil {
		clients = make(map[string]cursor)
		s.state.cursors[of.topic] = clients
	}
	clients[of.client] = c
}
