package labs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
	"rawlab/internal/queue/memory"
	"rawlab/labs/host"
	"rawlab/tcpq"
)

// deathPoint is where the server dies.
type deathPoint int

const (
	never deathPoint = iota
	dieBeforeStore
	dieAfterStore
)

// errDead answers for what a dead server was asked; nobody hears it.
var errDead = errors.New("the server is dead")

// mortalServer is a server on a folder, or on virtual hosts on memory that
// outlives it, that dies when it is told to, as a
// killed process does: its sockets close, nothing more is said or written, and
// what is on the disk stays.
type mortalServer struct {
	b       *bench
	folder  string         // on kernel hosts
	memory  outliving      // on virtual ones, instead
	running *runningServer // nil while it is dead
	store   *mortalStore
	sockets *sockets // its own
	stats   func() tcpq.Stats
}

// start starts the server on its folder.
func (m *mortalServer) start(ctx context.Context) error {
	if m.running != nil {
		return nil
	}
	inner, err := m.open()
	if err != nil {
		return err
	}
	m.sockets = &sockets{}
	m.store = &mortalStore{vault: inner, epoch: m.b.options.Seed, cut: m.sockets.cutAll, died: make(chan struct{}), victims: m.noteVictims}
	q, err := queue.New(&queue.Config{Clock: m.b.clock, Store: m.store})
	if err != nil {
		return errors.Join(err, inner.Abandon())
	}
	h := &cutHost{m.b.network.Server(), m.sockets}
	l, err := h.ListenAs(ctx, "tcp", m.b.options.serverAddress(), host.Listening{Reuse: true}) // what died has left TIME-WAITs
	if err != nil {
		return errors.Join(err, inner.Abandon())
	}
	server := tcpq.NewServer(&tcpq.Config{
		Clock: m.b.clock, Queue: q, Policy: queue.Block, IdleTimeout: -1, FrameTimeout: -1, HandshakeTimeout: patience,
	})
	m.stats = server.Stats
	m.running = start(ctx, l, func(ctx context.Context) error { return server.Serve(ctx, l) })
	return nil
}

// vault keeps a queue beyond the life of its server.
type vault interface {
	queue.Store
	Abandon() error
}

// outliving is a vault on virtual hosts, whose time does not wait for disks.
type outliving struct{ *memory.Store }

func (outliving) Abandon() error { return nil }

// open opens the vault: the folder's, as it was left, or the one in memory.
func (m *mortalServer) open() (vault, error) {
	if m.b.options.backend() == BackendKernel {
		return disk.Open(filepath.Join(m.folder, "queue"), &disk.Config{Clock: m.b.clock, JournalBytes: 64 << 10})
	}
	if m.memory.Store == nil {
		m.memory.Store = memory.New(0)
	}
	return m.memory, nil
}

// dieAt has the server die with the next event. It waits until the subscriber
// is done with those before, and the disk has that, so that the crash is about
// that event alone.
func (m *mortalServer) dieAt(ctx context.Context, at deathPoint) error {
	for began, done := m.b.clock.Now(), false; !done; {
		_, next := m.store.Bounds(topic)
		if err := m.store.Cursors(topic, func(_ string, at uint64) { done = at == next }); err != nil {
			return err
		}
		if m.b.clock.Now().Sub(began) > patience {
			return fmt.Errorf("the subscriber's place in the log did not reach its end within %v", patience)
		}
		if err := m.b.wait(ctx, watchEvery); err != nil {
			return err
		}
	}
	if err := m.store.Sync(); err != nil {
		return err
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.at = at
	return nil
}

func (m *mortalServer) awaitDeath(ctx context.Context) error {
	select {
	case <-m.store.died:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kill ends what is left of the server, as the end of its process would.
func (m *mortalServer) kill() error {
	if m.running == nil {
		return nil
	}
	m.store.die()
	m.running.stop() // its listener was closed under it, of which it complains
	m.running = nil
	return m.store.Abandon()
}

// noteVictims notes which events the server had and did not store. They are
// lost with its connections, unless somebody emits them again.
func (m *mortalServer) noteVictims(frames []byte) {
	for id := range identities(frames) {
		m.b.perish(account.ID(id))
	}
}

// mortalStore is the server's store, and knows when to die. It names an epoch
// of the lab's, so that runs repeat: the folder's life is the lab's.
type mortalStore struct {
	vault
	epoch   uint64
	cut     func()              // closes the server's sockets
	victims func(frames []byte) // told what came and was not stored
	died    chan struct{}
	once    sync.Once

	mu   sync.Mutex
	at   deathPoint
	dead bool
}

func (s *mortalStore) Epoch() uint64 { return s.epoch }

// die cuts the server off from everybody.
func (s *mortalStore) die() {
	s.mu.Lock()
	s.dead = true
	s.mu.Unlock()
	s.once.Do(func() {
		s.cut()
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
		s.victims(frames)
		s.die()
		done(frames, errDead)
	case dieAfterStore:
		s.vault.Append(topic, at, frames, count, func(frames []byte, _ error) {
			s.die()
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
