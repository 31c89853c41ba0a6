package udpq

import (
	"net/netip"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// stallTime is how long a replay waits for acks before it goes on without.
const stallTime = 250 * time.Millisecond

// peer is the client at one address.
type peer struct {
	group     *group
	at        netip.AddrPort           // where its frames come from; guarded by group.mu
	to        atomic.Pointer[datagram] // whose address is the client's
	moving    atomic.Pointer[datagram] // the same from the next datagram on, nil: it stays
	stirred   chan struct{}            // capacity 1: moving was set, or repairs are wanted
	key       uint64                   // that the client was given in its welcome
	asked     uint64                   // origin in the hello
	name      string
	gate      access.Gate
	session   *queue.Session
	link      *link             // nil: nothing is done for lost events, nor for a pace
	pace      *pacer            // nil: none
	intake    *intake           // with a link
	run       gathered          // of who publishes: with a link publish, else the group's reader
	repairs   repairs           // with ReliabilityNack
	published chan struct{}     // with a link: closed when nothing more is published
	touched   bool              // is in group.touched
	opened    bool              // is in group.opened
	path      *path             // to the client
	cuts      bool              // the client knows pieces of frames
	whole     *reassembly       // of events that come in pieces
	cutter    cutter            // of frames that leave in pieces
	lateAcks  map[uint16][]byte // with a link: acks of events that wait for room, by stream
	underway  underway          // with a link: events that leave in pieces
	heard     atomic.Bool
	rung      rung   // what the hello asked for and was granted
	born      uint64 // the time in the hello: a client that starts anew has another
	replaced  bool   // another client has its address; valid once the session has ended
	silent    int    // times in a row that expire heard nothing
}

// admit answers a hello: with a welcome, the same again if it was lost, once
// its sender has shown that its address is its own.
func (g *group) admit(d *datagram, f *framing.Frame) {
	h, err := framing.ParseHello(f.Payload)
	if err != nil {
		g.invalid()
		return
	}
	if h.MinVersion > framing.Version || h.MaxVersion < framing.Version {
		g.refuse(d, f, framing.CodeVersion, "no common version")
		return
	}
	if outOfBounds(string(f.Topic)) != nil {
		g.refuse(d, f, framing.CodeLimit, "codes go up to "+mostFEC) // short: it must not be larger than the hello
		return
	}
	p := g.find(d.from)
	if p == nil || !p.isThatOf(f, &h) {
		if !g.heed(d) || !g.shown(d, f) {
			return
		}
		p = g.replace(p, d, f, &h)
	}
	if p != nil {
		p.welcome(f.Sequence)
	}
}

// isThatOf reports whether a hello is this client's. One that starts anew
// numbers its datagrams anew.
func (p *peer) isThatOf(f *framing.Frame, h *framing.Hello) bool {
	return p.asked == f.Origin && p.name == string(h.Name) && p.rung == parseRung(string(f.Topic)) && (p.rung == rung{} || p.born == f.Time)
}

// replace makes a session for the client at an address, and ends the one that
// was there, if the new one may be.
func (g *group) replace(old *peer, d *datagram, f *framing.Frame, h *framing.Hello) *peer {
	p := &peer{
		group: g, at: d.from, stirred: make(chan struct{}, 1),
		asked: f.Origin, name: string(h.Name), rung: parseRung(string(f.Topic)), born: f.Time,
	}
	p.to.Store(&datagram{from: d.from, addr: d.addr})
	if err := p.gate.Enter(g.server.config.Keyring, h.Token); err != nil {
		g.refuse(d, f, framing.CodeUnauthorized, err.Error())
		return nil
	}
	if old != nil {
		g.displace(old)
	}
	if !g.admits(d, f) {
		return nil
	}
	return g.join(p, d, f)
}

// join gives a peer its session.
func (g *group) join(p *peer, d *datagram, f *framing.Frame) *peer {
	s := g.server
	if s.open.Add(1) > int64(s.config.MaxSessions) {
		s.open.Add(-1)
		limit := &queue.LimitError{What: "sessions", Limit: s.config.MaxSessions}
		g.refuse(d, f, framing.CodeLimit, limit.Error())
		return nil
	}
	p.key = s.seals.sessionKey(s.accepted.Add(1))
	origin := f.Origin
	if origin == 0 {
		origin = edge.DrawOrigin()
	}
	p.session = s.queue.Attach(&queue.SessionConfig{
		Origin: origin, Name: p.name, Checksum: true, OutboxBytes: s.config.OutboxBytes, Overflow: s.config.Policy,
		MaxSubscriptions: s.config.MaxSubscriptions, Window: s.config.ReplayWindow, Meter: s.meter,
		Deduplicate: p.rung == rung{reliability: ReliabilityAck}, // in order: what comes twice was emitted again
	})
	p.openFragments(f)
	p.openLink()
	g.mu.Lock()
	g.peers[d.from], g.sessions[p.identity()] = p, p
	g.crowd.enter(d.from)
	g.mu.Unlock()
	g.all.Go(p.write)
	p.renew() // the keyring may have changed since it was asked
	return p
}

func (p *peer) identity() identity { return identity{p.asked, p.born} }

func (p *peer) welcome(request uint64) {
	w := framing.Welcome{Version: framing.Version, Limit: p.group.server.config.limit(), Epoch: p.group.server.queue.Epoch()}
	p.session.Reply(&framing.Frame{
		Kind: framing.KindWelcome, Flags: framing.FlagOffset, Origin: p.session.Origin(), Sequence: request, Offset: p.key,
		Topic: []byte(p.rung.String()), Payload: w.Append(nil),
	})
}

// leave ends the session of a client that has gone: what waits is lost.
func (p *peer) leave() {
	p.group.remove(p)
	p.session.End(framing.CodeOK, "")
}

func (p *peer) expire() { p.session.End(framing.CodeTimeout, "nothing was heard of the client") }

func (p *peer) shutDown() { p.session.End(framing.CodeShutdown, "the server is stopping") }

// write sends what waits until the session has ended and, unless the client
// has gone, nothing waits.
func (p *peer) write() {
	defer p.session.Close()
	defer p.group.remove(p)
	var chunk queue.Chunk
	for p.wait(&chunk) {
		p.flush(&chunk)
	}
	if p.session.Last().Code != framing.CodeOK {
		p.flush(&chunk)
		for p.session.Stalled() {
			p.session.Unstall() // there is no time left to wait for acks
			p.flush(&chunk)
		}
	}
	p.closeLink()
	p.whole.close()
	p.path.close()
	if !p.replaced {
		p.sayLast()
	}
}

func (p *peer) flush(chunk *queue.Chunk) {
	p.repair()
	for p.settleIn(); p.session.Take(chunk); p.settleIn() {
		p.send(chunk)
		p.repair()
	}
}

// wait waits for something to send. It reports false once the session has
// ended. After a while without, it gives the buffers back.
func (p *peer) wait(chunk *queue.Chunk) bool {
	var late <-chan time.Time
	stalled := p.session.Stalled()
	if stalled || p.session.Large(chunk) {
		d := queue.IdleTime
		if stalled {
			d = stallTime
		}
		t := p.group.server.config.Clock.NewTimer(d)
		defer t.Stop()
		late = t.C()
	}
	select {
	case <-p.session.Wake():
	case <-p.stirred:
	case <-p.session.Ended():
		return false
	case <-late:
		p.session.Release(chunk)
		if stalled {
			p.session.Unstall()
		}
	}
	return true
}

func (p *peer) sayLast() {
	last := p.session.Last()
	b, err := last.Append(nil)
	if err == nil {
		p.say(b) // lost as easily as any datagram
	}
}
