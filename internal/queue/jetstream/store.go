package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rawlab/internal/clock"
)

// Errors of a store.
var (
	ErrAway     error = timeout("jetstream: the broker is away")
	ErrClosed         = errors.New("jetstream: store is closed")
	ErrLost           = errors.New("jetstream: the broker has lost the logs; start this server again")
	ErrTooLarge       = errors.New("jetstream: event is larger than the broker takes")
	ErrVersion        = errors.New("jetstream: the broker is too old: nats-server 2.12 or later is needed, with JetStream")
)

// timeout is an error that waiting longer might have avoided.
type timeout string

func (t timeout) Error() string { return string(t) }

// Timeout reports true: the queue tells emitters so.
func (t timeout) Timeout() bool { return true }

// Defaults of [Config].
const (
	DefaultName            = "rawlab"
	DefaultPatience        = 10 * time.Second
	DefaultDuplicateWindow = 2 * time.Minute
)

// maxWaiting bounds the bytes of events on their way to the broker. More than
// that, Append waits.
const maxWaiting = 16 << 20

// Config configures a store. The zero value talks to a broker on this machine.
type Config struct {
	URL             string        // of brokers of one cluster, separated by commas; default nats.DefaultURL
	Name            string        // of what the servers share, see CheckName; default DefaultName
	Replicas        int           // of each stream in a cluster of brokers, default 1
	Patience        time.Duration // with a broker that does not answer, default DefaultPatience; at the start that at least
	DuplicateWindow time.Duration // in which the broker tells an event that comes again, default DefaultDuplicateWindow
	Clock           clock.Clock   // of its own waiting, default clock.Real; answers are waited for on the machine's
	Logger          *slog.Logger  // told when the broker goes and returns, default silent
	Options         []nats.Option // of the connection: credentials, TLS
}

func (c *Config) orDefault() Config {
	d := Config{URL: nats.DefaultURL, Name: DefaultName, Replicas: 1, Patience: DefaultPatience, DuplicateWindow: DefaultDuplicateWindow, Clock: clock.Real, Logger: slog.New(slog.DiscardHandler)}
	if c == nil {
		return d
	}
	if c.URL != "" {
		d.URL = c.URL
	}
	if c.Name != "" {
		d.Name = c.Name
	}
	if c.Replicas > 0 {
		d.Replicas = c.Replicas
	}
	if c.Patience > 0 {
		d.Patience = c.Patience
	}
	if c.DuplicateWindow > 0 {
		d.DuplicateWindow = c.DuplicateWindow
	}
	if c.Logger != nil {
		d.Logger = c.Logger
	}
	d.Clock = clock.Or(c.Clock)
	d.Options = c.Options
	return d
}

// Store is a queue's store on a broker. It is safe for concurrent use.
type Store struct {
	config  Config
	broker  *broker
	kv      jetstream.KeyValue
	epoch   uint64
	ctx     context.Context // of everything that runs
	cancel  context.CancelFunc
	running sync.WaitGroup

	flushing sync.Mutex    // held by who writes cursors and trims
	stirred  chan struct{} // capacity 1: there is something to write

	telling sync.Mutex // held while watchers are told; before mu
	opened  func(topic string) error
	moved   func(topic, client string, next uint64) error

	mu      sync.Mutex
	changed sync.Cond // a log grew, the state was followed, or there is room
	logs    map[string]*log
	state   state
	dirty   map[cursorOf]struct{} // cursors to write
	waiting int                   // bytes on their way
	batches uint64                // sent, for their names
	closed  bool
	lost    error
}

// Open connects to the broker, and makes there what the servers share if
// nobody has yet.
func Open(config *Config) (*Store, error) {
	c := config.orDefault()
	if err := CheckName(c.Name); err != nil {
		return nil, err
	}
	b, err := connect(&c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Redact(c.URL), err)
	}
	s := &Store{
		config: c, broker: b, stirred: make(chan struct{}, 1),
		logs: make(map[string]*log), dirty: make(map[cursorOf]struct{}),
		state: state{topics: make(map[string]bool), cursors: make(map[string]map[string]cursor)},
	}
	s.changed.L = &s.mu
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.begin(); err != nil {
		s.cancel()
		b.close()
		s.running.Wait()
		return nil, fmt.Errorf("%s: %w", Redact(c.URL), err)
	}
	return s, nil
}

// begin makes and reads what is shared.
func (s *Store) begin() error {
	ctx, cancel := context.WithTimeout(s.ctx, max(s.config.Patience, DefaultPatience))
	defer cancel()
	if err := s.openState(ctx); err != nil {
		return err
	}
	s.running.Go(func() {
		t := tail{broker: s.broker, stream: "KV_" + s.config.Name, next: 1, take: s.follow}
		t.run(s.ctx)
	})
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	s.broker.mu.Lock()
	s.broker.returned = s.recheck
	s.broker.mu.Unlock()
	s.running.Go(s.write)
	return nil
}

// URL returns the broker's address, without secrets.
func (s *Store) URL() string { return s.broker.conn.ConnectedUrlRedacted() }

// Epoch names the life of the logs: it was drawn when the first server of
// this name came to the broker.
func (s *Store) Epoch() uint64 { return s.epoch }

// Topics returns the names of all topics with a log, whoever made it.
func (s *Store) Topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.state.topics))
}

// Open makes sure that the topic has a stream, and reads what is in it.
func (s *Store) Open(topic string, grown func(uint64, []byte, int)) error {
	s.mu.Lock()
	if l := s.logs[topic]; l != nil {
		l.grown = grown
		s.mu.Unlock()
		return nil
	}
	err := s.refusal()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := s.patience()
	defer cancel()
	return s.openLog(ctx, topic, grown)
}

func (s *Store) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, s.config.Patience)
}

// refusal says why nothing is taken any more. The caller holds mu.
func (s *Store) refusal() error {
	if s.closed {
		return ErrClosed
	}
	return s.lost
}

// await waits until something holds, under mu.
func (s *Store) await(ctx context.Context, holds func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !holds() {
		if err := s.lost; err != nil {
			return err
		}
		if ctx.Err() != nil {
			return s.broker.away(context.Cause(ctx))
		}
		s.changed.Wait()
	}
	return nil
}

// Close waits for what is on its way, writes the cursors and ends the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	ctx, cancel := s.patience()
	defer cancel()
	err := s.await(ctx, func() bool { return s.waiting == 0 })
	err = errors.Join(err, s.flush(ctx))
	s.cancel()
	s.broker.close()
	s.running.Wait()
	return err
}
