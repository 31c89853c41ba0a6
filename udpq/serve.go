package udpq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"rawlab/internal/clock"
	"rawlab/internal/sources"
)

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
