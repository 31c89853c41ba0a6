package udpq

import (
	"net/netip"
	"slices"
)

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
