package udpq

import (
	"crypto/hmac"
	"crypto/sha256"

	"rawlab/framing"
	"rawlab/internal/sources"
)

// identity is what a client names its session by from another address: what
// its hello said.
type identity struct{ origin, born uint64 }

const proofBytes = 16

// proofOf returns what shows that who has a cookie has a session's key too. It
// is of no use to who reads it on the way and is elsewhere.
func proofOf(key, cookie uint64) []byte {
	mac := hmac.New(sha256.New, bytesOf(key))
	mac.Write(append([]byte("move"), bytesOf(cookie)...))
	return mac.Sum(nil)[:proofBytes]
}

// move lets a session go on from the address that a client asks from, once it
// has shown that the address is its own, by a cookie, and the session too, by
// a proof (RFC 9000 section 9).
func (g *group) move(d *datagram, f *framing.Frame) {
	if len(f.Payload) != proofBytes || f.Flags&framing.FlagOffset == 0 {
		g.invalid()
		return
	}
	if !g.heed(d) || !g.shown(d, f) {
		return
	}
	p := g.identified(identity{f.Origin, f.Time})
	if p == nil {
		g.refuse(d, f, framing.CodeUnauthorized, noSession)
		return
	}
	if !hmac.Equal(f.Payload, proofOf(p.key, f.Offset)) {
		g.server.forged.Add(1)
		g.refuse(d, f, framing.CodeUnauthorized, noSession)
		return
	}
	if sources.Of(p.at.Addr()) != sources.Of(d.from.Addr()) && !g.admits(d, f) {
		return
	}
	moved, here := g.rehouse(p, d)
	if !here {
		g.refuse(d, f, framing.CodeUnauthorized, noSession) // it has just ended
		return
	}
	p.heard.Store(true)
	if moved {
		g.server.moved.Add(1)
		p.follow(d)
	}
	p.welcome(f.Sequence)
}

func (g *group) identified(i identity) *peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions[i]
}

// rehouse notes that a peer's frames come from another address now, and
// reports whether they do, and whether the peer is still there. Whoever had
// that address has it no more.
func (g *group) rehouse(p *peer, d *datagram) (moved, here bool) {
	if other := g.find(d.from); other == p {
		return false, true
	} else if other != nil {
		g.displace(other)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.peers[p.at] != p {
		return false, false
	}
	delete(g.peers, p.at)
	g.crowd.leave(p.at)
	g.crowd.enter(d.from)
	g.peers[d.from], p.at = p, d.from
	return true, true
}

// owns reports whether a datagram is not that of another client, which has got
// the peer's address from the network. Without a link, its frames tell.
func (p *peer) owns(d *datagram) bool {
	if p.link.bare() {
		return true
	}
	origin, _, event := framing.Identify(d.b)
	return !event || origin == p.session.Origin() || origin == 0 // a question has none
}

// displace ends the session of a peer whose address another client has.
func (g *group) displace(p *peer) {
	p.replaced = true // a bye would reach the new one
	p.leave()
}

// follow sends to another address from now on. Without a link that does so
// itself, the goroutine that writes sends again what may have gone to the old one.
func (p *peer) follow(d *datagram) {
	to := &datagram{from: d.from, addr: d.addr}
	defer p.path.moved()
	if p.link != nil && !p.link.isBlind() {
		p.to.Store(to)
		p.link.moved()
		return
	}
	p.moving.Store(to)
	p.stir()
}

// settleIn does what follow left to the goroutine that writes.
func (p *peer) settleIn() {
	if to := p.moving.Swap(nil); to != nil {
		p.to.Store(to)
		p.session.Resend()
	}
}
