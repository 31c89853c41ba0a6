package udpq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/sources"
	"rawlab/udpq/fragment"
)

// Server serves a queue over UDP. It is safe for concurrent use.
type Server struct {
	config   Config
	queue    *queue.Queue
	queueErr error // why there is none
	seals    *seals
	meter    *queue.Meter
	log      *slog.Logger

	open      atomic.Int64
	accepted  atomic.Uint64
	refused   atomic.Uint64
	datagrams atomic.Uint64
	retries   atomic.Uint64
	strangers atomic.Uint64
	forged    atomic.Uint64
	moved     atomic.Uint64
	limited   atomic.Uint64

	overflowed atomic.Uint64
	links      linkSet
	repaired   atomic.Uint64

	pool             *fragment.Pool
	fragments        atomic.Uint64
	fragmentsRefused atomic.Uint64
}

// Stats is what a server has done so far.
type Stats struct {
	Sessions  int                   // open now
	Accepted  uint64                // sessions, since the start
	Refused   uint64                // hellos that got no session
	Retries   uint64                // hellos answered by a cookie, to be shown with the next
	Strangers uint64                // frames from addresses without a session
	Forged    uint64                // hellos, moves and byes that showed what they were not given, or too late
	Limited   uint64                // hellos, moves and strangers' frames passed over, since too many had come from their source
	Moved     uint64                // times that a session went on from another address
	Datagrams uint64                // received
	Overflow  uint64                // datagrams the kernel dropped since the receive buffer was full, as it has said with those that came later (Linux, SO_RXQ_OVFL); with Offload a train counts once
	Received  uint64                // events, from emitters
	Forwarded uint64                // events, to the socket for a subscriber; each subscriber counts
	Dropped   map[queue.Fate]uint64 // events, by fate
	Due       uint64                // fates to account for, see queue.Meter
	Invalid   uint64                // frames that were none, the same as Dropped[frame-invalid]
	Links     LinkStats             // of conversations on a rung
	Repaired  uint64                // events of stored topics that were read from their log again for a client that missed them

	Fragments        uint64 // pieces of events received
	FragmentsRefused uint64 // of them: doubled, late, of another's event, or in contradiction to others
}

// NewServer returns a server; a nil config is the zero Config.
func NewServer(config *Config) *Server {
	c := config.orDefault()
	s := &Server{config: c, queue: c.Queue, log: c.Logger, seals: newSeals(c.Secret), pool: fragment.NewPool(poolBytes)}
	if s.queue == nil {
		s.queue, s.queueErr = queue.New(&queue.Config{Clock: c.Clock, Trace: c.Trace})
	}
	s.meter = s.queue.NewMeter(c.Clock, c.Trace)
	return s
}

// Stats returns what the server has done so far.
func (s *Server) Stats() Stats {
	dropped := s.meter.Dropped()
	return Stats{
		Sessions: int(s.open.Load()), Accepted: s.accepted.Load(), Refused: s.refused.Load(),
		Retries: s.retries.Load(), Strangers: s.strangers.Load(), Forged: s.forged.Load(), Moved: s.moved.Load(), Limited: s.limited.Load(),
		Datagrams: s.datagrams.Load(), Overflow: s.overflowed.Load(), Received: s.meter.Received(), Forwarded: s.meter.Forwarded(),
		Dropped: dropped, Due: s.meter.Due(), Invalid: dropped[queue.FateFrameInvalid],
		Links: s.links.sum(), Repaired: s.repaired.Load(),
		Fragments: s.fragments.Load(), FragmentsRefused: s.fragmentsRefused.Load(),
	}
}

var past = time.Unix(1, 0) // a deadline that is over on every clock

// Serve receives on conn, which it closes in the end, until ctx is done.
// Then it drains: it receives nothing more, flushes what waits for up to
// DrainTimeout, says bye, closes, waits for every goroutine and returns nil.
// It may run on several sockets at once.
func (s *Server) Serve(ctx context.Context, conn net.PacketConn) error {
	defer conn.Close()
	if s.queueErr != nil {
		return s.queueErr
	}
	if err := growReceiveBuffer(conn, s.config.ReceiveBuffer); err != nil {
		s.log.Warn("setting the receive buffer", "err", err)
	}
	s.checkReceiveBuffer(conn)
	g := &group{server: s, socket: newServerSocket(conn, s.config.Offload), peers: make(map[netip.AddrPort]*peer), sessions: make(map[identity]*peer), crowd: make(crowd), sources: sources.New(s.config.SourceRate)}
	g.expireLater()
	if s.config.Keyring != nil {
		defer s.config.Keyring.OnChange(g.renew)()
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(past) })
	defer stop()
	err := g.read(ctx)
	g.drain()
	return err
}

// group is the sessions of one Serve.
type group struct {
	server     *Server
	socket     *socket
	lastReply  time.Time      // to a stranger
	sources    *sources.Rates // of the goroutine that reads
	touched    []*peer        // have published since the last commit
	opened     []*peer        // have had datagrams of their rung opened since then
	came       time.Time      // when the datagrams at hand were received
	buffer     buffer
	all        sync.WaitGroup
	mu         sync.Mutex
	peers      map[netip.AddrPort]*peer
	sessions   map[identity]*peer
	crowd      crowd
	expiry     clock.Timer
	expiryDone bool
}

const maxReadErrors = 64 // in a row: then the socket is of no use any more

func (g *group) read(ctx context.Context) error {
	for failures := 0; ; {
		batch, err := g.socket.receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			g.obey(batch)
		case errors.Is(err, net.ErrClosed) || failures == maxReadErrors:
			return fmt.Errorf("receiving: %w", err)
		default: // some systems report here that a client has gone
			failures++
			g.server.log.Debug("receiving", "err", err)
		}
	}
}

// Bytes received between two commits at most, so that what is gathered stays in
// the processor's cache and within the buffer that the queue keeps; and between
// two answers on a rung, for which the other end should not have to wait.
const (
	commitBytes = 64 << 10
	answerBytes = 128 << 10
)

// obey acts on a batch of datagrams, and commits and answers once unless it is
// large.
func (g *group) obey(batch []datagram) {
	g.server.datagrams.Add(uint64(len(batch)))
	g.came = g.server.config.Clock.Now()
	g.overflow()
	uncommitted, unanswered := 0, 0
	for i := range batch {
		g.open(&batch[i])
		n := len(batch[i].b)
		if uncommitted += n; uncommitted >= commitBytes {
			g.commit()
			uncommitted = 0
		}
		if unanswered += n; unanswered >= answerBytes {
			g.answerLinks()
			unanswered = 0
		}
	}
	g.commit()
	g.answerLinks()
}

func (g *group) commit() {
	for _, p := range g.touched {
		p.touched = false
		p.commitAll()
	}
	g.touched = g.touched[:0]
}

// answerLinks answers on the rungs of which datagrams were opened, and has what
// they carried published.
func (g *group) answerLinks() {
	for _, p := range g.opened {
		p.opened = false
		p.link.answer()
		p.intake.stir()
	}
	g.opened = g.opened[:0]
}

// expireLater looks for silent sessions four times per IdleTimeout.
func (g *group) expireLater() {
	if g.server.config.IdleTimeout < 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.expiryDone {
		g.expiry = g.server.config.Clock.AfterFunc(g.server.config.IdleTimeout/silentLooks, g.expire)
	}
}

const silentLooks = 4

func (g *group) expire() {
	for _, p := range g.snapshot() {
		if p.heard.Swap(false) {
			p.silent = 0
		} else if p.silent++; p.silent >= silentLooks {
			g.remove(p)
			p.expire()
		}
	}
	g.expireLater()
}

// drain ends all conversations in good order. Nobody publishes any more.
func (g *group) drain() {
	g.mu.Lock()
	g.expiryDone = true
	if g.expiry != nil {
		g.expiry.Stop()
	}
	g.mu.Unlock()
	timer := g.server.config.Clock.AfterFunc(g.server.config.DrainTimeout, func() { g.socket.close() })
	defer timer.Stop()
	peers := g.snapshot()
	for _, p := range peers {
		p.stopTaking()
	}
	for _, p := range peers {
		p.awaitPublished()
		p.session.Settle()
		p.shutDown()
	}
	g.all.Wait()
}

func (g *group) snapshot() []*peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	peers := make([]*peer, 0, len(g.peers))
	for _, p := range g.peers {
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b *peer) int { return a.at.Compare(b.at) }) // so that a run can repeat
	return peers
}

func (g *group) find(from netip.AddrPort) *peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peers[from]
}

// remove forgets a peer's address, unless another has it by now.
func (g *group) remove(p *peer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.peers[p.at] == p {
		delete(g.peers, p.at)
		g.crowd.leave(p.at)
		g.server.open.Add(-1)
	}
	if g.sessions[p.identity()] == p {
		delete(g.sessions, p.identity())
	}
}
