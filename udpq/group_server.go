package udpq

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// GroupSender sends events to a multicast group.
type GroupSender struct {
	server  *Server
	socket  *socket
	session *queue.Session
	to      datagram
	sizes   [stretch]int
	pace    *pacer // nil: none
	budget  int    // of a datagram; larger events leave in pieces, 0: none does
	cutter  cutter

	events, datagrams atomic.Uint64
}

// GroupSenderStats is what was sent to a group so far, as far as the socket
// took it.
type GroupSenderStats struct{ Events, Datagrams uint64 }

// Stats returns what was sent so far.
func (m *GroupSender) Stats() GroupSenderStats {
	return GroupSenderStats{m.events.Load(), m.datagrams.Load()}
}

// Multicast sends every event of topics that match the patterns to a group as
// well, over conn, each once however many listen there, from now on; Serve does
// the work and closes conn. Stored events are sent as they come, and never
// again. The group counts as one subscriber of each: an event is forwarded when
// the socket has taken it, and nobody tells more. One that is larger than a
// datagram leaves in pieces, of Datagram bytes or as many as the interface takes.
func (s *Server) Multicast(conn net.PacketConn, g Group, patterns []string) (*GroupSender, error) {
	if s.queueErr != nil {
		return nil, s.queueErr
	}
	i, err := g.lookUp()
	if err != nil {
		return nil, err
	}
	session, err := s.groupSession(patterns)
	if err != nil {
		return nil, err
	}
	to := g.destination(i)
	return &GroupSender{budget: s.groupBudget(g, i), server: s, socket: newServerSocket(conn, false), session: session, to: datagram{from: to.AddrPort(), addr: to}, pace: newPacer(s.config.Pace, to)}, nil
}

// Serve sends until ctx is done, then what waits, and closes.
func (m *GroupSender) Serve(ctx context.Context) error {
	var chunk queue.Chunk
	for m.wait(ctx, &chunk) {
		m.flush(&chunk)
	}
	m.session.End(framing.CodeShutdown, "")
	timer := m.server.config.Clock.AfterFunc(m.server.config.DrainTimeout, func() { m.socket.close() })
	defer timer.Stop()
	m.flush(&chunk)
	return m.Close()
}

// Close is for who does not Serve: nothing is sent.
func (m *GroupSender) Close() error {
	m.session.Close()
	return m.socket.close()
}

// groupSession is a group's place among the subscribers. Nothing disconnects
// it: there would be nobody to connect again.
func (s *Server) groupSession(patterns []string) (*queue.Session, error) {
	policy := s.config.Policy
	if policy == queue.Disconnect {
		policy = queue.DropOldest
	}
	session := s.queue.Attach(&queue.SessionConfig{
		Origin: edge.DrawOrigin(), Checksum: true, OutboxBytes: s.config.OutboxBytes, Overflow: policy,
		MaxSubscriptions: max(len(patterns), s.config.MaxSubscriptions), Meter: s.meter, Hidden: true,
	})
	for n, pattern := range patterns {
		if err := session.Subscribe([]byte(pattern), uint64(n)+1, framing.Subscribe{}); err != nil {
			session.Close()
			return nil, err
		}
	}
	return session, nil
}

func (m *GroupSender) flush(chunk *queue.Chunk) {
	for m.session.Take(chunk) {
		m.send(chunk.Kept)
		m.send(chunk.Live)
	}
}

// wait waits for something to send, and reports false when ctx is done. After
// a while without, it gives the buffers back.
func (m *GroupSender) wait(ctx context.Context, chunk *queue.Chunk) bool {
	var late <-chan time.Time
	if m.session.Large(chunk) {
		t := m.server.config.Clock.NewTimer(queue.IdleTime)
		defer t.Stop()
		late = t.C()
	}
	select {
	case <-m.session.Wake():
	case <-late:
		m.session.Release(chunk)
	case <-ctx.Done():
		return false
	}
	return true
}

// send sends events, packed if the server packs.
func (m *GroupSender) send(events []byte) {
	for len(events) > 0 {
		if m.isOver(events) {
			n := frameSize(events)
			m.sendCut(events[:n])
			events = events[n:]
			continue
		}
		m.awaitPace()
		sizes, bytes := m.sizes[:0], 0
		for bytes < len(events) && len(sizes) < cap(sizes) && !m.isOver(events[bytes:]) && m.pace.open(m.server.config.Clock.Now()) {
			n := fill(events[bytes:], m.server.config.PackBudget)
			sizes = append(sizes, n)
			bytes += n
			m.pace.take(1, n)
		}
		rest := sizes
		m.socket.sendAll(events[:bytes], sizes, &m.to, func(datagrams []byte, err error) {
			n := countIn(rest, len(datagrams))
			rest = rest[n:]
			m.account(datagrams, n, err)
		})
		events = events[bytes:]
	}
}

// awaitPace waits until a datagram may leave.
func (m *GroupSender) awaitPace() {
	c := m.server.config.Clock
	if wait := m.pace.wait(c.Now()); wait > 0 {
		t := c.NewTimer(wait)
		defer t.Stop()
		<-t.C()
	}
}

// account says of the events in datagrams whether the system took them.
func (m *GroupSender) account(datagrams []byte, count int, err error) {
	m.session.SentFrames(datagrams, err == nil)
	if err != nil {
		m.server.log.Debug("sending to the group", "group", m.to.from, "err", err)
		return
	}
	m.datagrams.Add(uint64(count))
	for len(datagrams) > 0 {
		m.events.Add(1)
		datagrams = datagrams[frameSize(datagrams):]
	}
}
