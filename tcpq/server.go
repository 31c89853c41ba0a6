package tcpq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// Server serves a queue over TCP. It is safe for concurrent use.
type Server struct {
	config   Config
	queue    *queue.Queue
	queueErr error // why there is none
	meter    *queue.Meter
	log      *slog.Logger
	voice    voice

	open     atomic.Int64
	accepted atomic.Uint64
	read     atomic.Uint64 // bytes
	sent     atomic.Uint64 // bytes
	refusals refusals
	sources  addresses
}

// Stats is what a server has done so far.
type Stats struct {
	Connections int                   // open now
	Accepted    uint64                // connections, since the start
	Refused     uint64                // connections cut off before their welcome
	Refusals    map[string]uint64     // the same by reason: tls, timeout, limit, unauthorized, version, …
	BytesRead   uint64                // of frames; those of TLS are not counted
	BytesSent   uint64                // likewise
	Received    uint64                // events, from emitters
	Forwarded   uint64                // events, to subscribers' sockets; each subscriber counts
	Duplicates  uint64                // events emitted again that had been accepted before; not received again
	Redelivered uint64                // times that an event was sent again for want of an ack
	GivenUp     uint64                // events forwarded as often as a subscriber wanted, and never acknowledged
	Dropped     map[queue.Fate]uint64 // events, by fate
	Due         uint64                // fates to account for, see queue.Meter
	Invalid     uint64                // frames that were none, the same as Dropped[frame-invalid]
}

// NewServer returns a server; a nil config is the zero Config.
func NewServer(config *Config) *Server {
	c := config.orDefault()
	s := &Server{config: c, queue: c.Queue, log: c.Logger}
	if s.queue == nil {
		s.queue, s.queueErr = queue.New(&queue.Config{Clock: c.Clock, Trace: c.Trace})
	}
	s.meter = s.queue.NewMeter(c.Clock, c.Trace)
	return s
}

// Stats returns what the server has done so far.
func (s *Server) Stats() Stats {
	dropped := s.meter.Dropped()
	byReason, refused := s.refusals.counts()
	return Stats{
		Connections: int(s.open.Load()), Accepted: s.accepted.Load(), Refused: refused, Refusals: byReason,
		BytesRead: s.read.Load(), BytesSent: s.sent.Load(),
		Received: s.meter.Received(), Forwarded: s.meter.Forwarded(),
		Duplicates: s.meter.Duplicates(), Redelivered: s.meter.Redelivered(), GivenUp: s.meter.GivenUp(),
		Dropped: dropped, Due: s.meter.Due(), Invalid: dropped[queue.FateFrameInvalid],
	}
}

// Serve accepts connections on l, which it closes in the end, until ctx is
// done. Then it drains: it accepts and reads nothing more, flushes what
// waits for up to DrainTimeout, says bye, closes, waits for every goroutine
// and returns nil. It may run on several listeners at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if s.queueErr != nil {
		return s.queueErr
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	g := &group{server: s, conns: make(map[*conn]uint64)}
	if s.config.Keyring != nil {
		defer s.config.Keyring.OnChange(func() { g.each((*conn).renew) })()
	}
	w := g.startWatch()
	err := s.accept(ctx, l, g)
	w.stop()
	g.drain()
	return err
}

func (s *Server) accept(ctx context.Context, l net.Listener, g *group) error {
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting: %w", err)
		case err != nil:
			s.log.Warn("accepting", "err", err)
			if !s.pause(ctx) {
				return nil
			}
		default:
			g.start(c)
		}
	}
}

const acceptPause = 50 * time.Millisecond // out of file descriptors, most likely

// pause waits a little, and reports whether to go on.
func (s *Server) pause(ctx context.Context) bool {
	t := s.config.Clock.NewTimer(acceptPause)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-ctx.Done():
		return false
	}
}

// group is the connections of one Serve.
type group struct {
	server  *Server
	mu      sync.Mutex
	conns   map[*conn]uint64 // by their number
	readers sync.WaitGroup   // connections that may still publish
	all     sync.WaitGroup
}

func (g *group) start(nc net.Conn) {
	s := g.server
	c := newConn(s, nc)
	number := s.accepted.Add(1)
	c.tooMany = s.sources.enter(nc, s.config.MaxPerAddress)
	open := s.open.Add(1)
	if open > int64(s.config.MaxConnections) {
		c.tooMany = &queue.LimitError{What: "connections", Limit: s.config.MaxConnections}
	}
	leave := func() {
		s.sources.leave(nc)
		s.open.Add(-1)
	}
	if open > int64(s.config.MaxConnections)+maxTelling {
		s.refuse(framing.CodeLimit.String())
		nc.Close()
		leave()
		return
	}
	g.mu.Lock()
	g.conns[c] = number
	g.mu.Unlock()
	g.readers.Add(1)
	g.all.Go(func() {
		c.run(g.readers.Done)
		leave()
		g.mu.Lock()
		delete(g.conns, c)
		g.mu.Unlock()
	})
}

// drain ends all conversations in good order. Only when nobody publishes any
// more can the outboxes be flushed for good.
func (g *group) drain() {
	timer := g.server.config.Clock.AfterFunc(g.server.config.DrainTimeout, func() { g.each((*conn).cut) })
	defer timer.Stop()
	g.each((*conn).stopReading)
	g.readers.Wait()
	g.each((*conn).shutDown)
	g.all.Wait()
}

// each does something to every connection, in the order in which they came.
func (g *group) each(do func(*conn)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	conns := slices.SortedFunc(maps.Keys(g.conns), func(a, b *conn) int { return cmp.Compare(g.conns[a], g.conns[b]) })
	for _, c := range conns {
		do(c)
	}
}
