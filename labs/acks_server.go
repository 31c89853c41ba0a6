package labs

import (
	"context"
	"errors"
	"path/filepath"

	"rawlab/internal/clock"
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

// mortalServer is a server that dies when it is told to, at a point of its
// work, and is started again. On kernel hosts it is a process of its own, on a
// folder, and is killed (SIGKILL). On virtual hosts, of which one process has
// all, it is on memory that outlives it, and its death is as that of a process
// seems to others: its sockets close, nothing more is said or written.
type mortalServer struct {
	b      *bench
	folder string     // on kernel hosts
	memory outliving  // on virtual ones, instead
	life   serverLife // nil while it is dead
	killed int        // lives that a signal ended
}

// serverLife is one life of the server.
type serverLife interface {
	// arm has it die with the next event. It returns when the subscriber is done
	// with those before, and the store has that, so that the crash is about
	// that event alone.
	arm(ctx context.Context, at deathPoint) error
	// awaitDeath returns the events that it had and did not store.
	awaitDeath(ctx context.Context) (victims []eventID, err error)
	// known is how many events came again, and were known.
	known() (uint64, error)
	// end ends what is left of it, as the end of its process would.
	end() error
}

// start starts the server on what it had stored.
func (m *mortalServer) start(ctx context.Context) (err error) {
	if m.life != nil {
		return nil
	}
	if m.b.options.backend() == BackendKernel {
		m.life, err = startServerProcess(ctx, m.b, m.folder)
		return err
	}
	if m.memory.Store == nil {
		m.memory.Store = memory.New(0)
	}
	m.life, err = startWithin(ctx, m.b, m.memory)
	return err
}

// awaitDeath waits until the server has died. The events that it had and did
// not store are lost with its connections, unless somebody emits them again.
func (m *mortalServer) awaitDeath(ctx context.Context) error {
	victims, err := m.life.awaitDeath(ctx)
	for _, id := range victims {
		m.b.perish(id)
	}
	return err
}

// kill ends what is left of the server, and returns how many events had come
// again and were known.
func (m *mortalServer) kill() (known uint64, err error) {
	if m.life == nil {
		return 0, nil
	}
	known, err = m.life.known()
	err = errors.Join(err, m.life.end())
	if _, apart := m.life.(*serverProcess); apart && err == nil {
		m.killed++
	}
	m.life = nil
	return known, err
}

// vault keeps a queue beyond the life of its server.
type vault interface {
	queue.Store
	Abandon() error
}

// outliving is a vault on virtual hosts, whose time does not wait for disks.
type outliving struct{ *memory.Store }

func (outliving) Abandon() error { return nil }

// openFolder opens a vault in a folder, as it was left.
func openFolder(folder string, c clock.Clock) (vault, error) {
	return disk.Open(filepath.Join(folder, "queue"), &disk.Config{Clock: c, JournalBytes: 64 << 10})
}

// newMortal makes a server on a vault.
func newMortal(c clock.Clock, v vault, epoch uint64) (*tcpq.Server, *mortalStore, error) {
	store := &mortalStore{vault: v, clock: c, epoch: epoch, died: make(chan struct{})}
	q, err := queue.New(&queue.Config{Clock: c, Store: store})
	if err != nil {
		return nil, nil, errors.Join(err, v.Abandon())
	}
	return tcpq.NewServer(&tcpq.Config{
		Clock: c, Queue: q, Policy: queue.Block, IdleTimeout: -1, FrameTimeout: -1, HandshakeTimeout: patience,
	}), store, nil
}

// lifeWithin is a life within this process.
type lifeWithin struct {
	server  *tcpq.Server
	store   *mortalStore
	running *runningServer
}

func startWithin(ctx context.Context, b *bench, v vault) (serverLife, error) {
	server, store, err := newMortal(b.clock, v, b.options.Seed)
	if err != nil {
		return nil, err
	}
	own := &sockets{}
	store.die = own.cutAll
	h := &cutHost{b.network.Server(), own}
	l, err := h.ListenAs(ctx, "tcp", b.options.serverAddress(), host.Listening{Reuse: true}) // what died has left TIME-WAITs
	if err != nil {
		return nil, errors.Join(err, v.Abandon())
	}
	running := start(ctx, l, func(ctx context.Context) error { return server.Serve(ctx, l) })
	return &lifeWithin{server, store, running}, nil
}

func (w *lifeWithin) arm(ctx context.Context, at deathPoint) error { return w.store.arm(ctx, at) }

func (w *lifeWithin) awaitDeath(ctx context.Context) ([]eventID, error) {
	select {
	case <-w.store.died:
		return w.store.victims, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (w *lifeWithin) known() (uint64, error) { return w.server.Stats().Duplicates, nil }

func (w *lifeWithin) end() error {
	w.store.perish()
	w.running.stop() // its listener was closed under it, of which it complains
	return w.store.Abandon()
}
