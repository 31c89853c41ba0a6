package udpq

import (
	"net/netip"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/sources"
)

// heed reports whether a frame from an address without a session is to be
// answered. Those that are not cost no more than this.
func (g *group) heed(d *datagram) bool {
	if g.sources.Take(g.server.config.Clock.Now(), d.from.Addr()) {
		return true
	}
	g.server.limited.Add(1)
	return false
}

// crowd is how many sessions each source has. The group's mu guards it.
type crowd map[netip.Addr]int

func (c crowd) enter(from netip.AddrPort) { c[sources.Of(from.Addr())]++ }

func (c crowd) leave(from netip.AddrPort) {
	key := sources.Of(from.Addr())
	if c[key]--; c[key] <= 0 {
		delete(c, key)
	}
}

// admits reports whether a source may have another session, and says so if not.
func (g *group) admits(d *datagram, asked *framing.Frame) bool {
	g.mu.Lock()
	n := g.crowd[sources.Of(d.from.Addr())]
	g.mu.Unlock()
	limit := g.server.config.MaxPerAddress
	if limit < 0 || n < limit {
		return true
	}
	over := &queue.LimitError{What: "sessions from one address", Limit: limit}
	g.refuse(d, asked, framing.CodeLimit, over.Error())
	return false
}
