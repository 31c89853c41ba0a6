package udpq

import (
	"net/netip"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// maxSources bounds the sources that a server remembers the frames of.
const maxSources = 1 << 14

// sourceOf returns who is behind an address, as far as that can be told: of
// IPv6 everybody in a /64 (RFC 6177 section 2 gives each site one at least).
func sourceOf(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// bucket is the frames that a source may still send: one token each.
type bucket struct {
	tokens float64
	at     int64 // ns, when there were so many
}

// sources is a token bucket for each source, of those that sent last. They are
// kept in two generations: when the young are half of maxSources, they are the
// old, and those that were old are forgotten, which gives them full buckets.
// It belongs to the goroutine that reads.
type sources struct {
	rate       float64 // tokens a second, and how many fit; negative: no limit
	young, old map[netip.Addr]bucket
}

func newSources(rate int) sources {
	return sources{rate: float64(rate), young: make(map[netip.Addr]bucket)}
}

// take takes a token for a frame from an address, if there is one.
func (s *sources) take(now time.Time, from netip.Addr) bool {
	if s.rate < 0 {
		return true
	}
	key := sourceOf(from)
	b, known := s.young[key]
	if !known {
		if b, known = s.old[key]; !known {
			b = bucket{s.rate, now.UnixNano()}
		}
		if len(s.young) >= maxSources/2 {
			s.old, s.young = s.young, make(map[netip.Addr]bucket)
		}
	}
	passed := time.Duration(now.UnixNano() - b.at)
	b.tokens, b.at = min(s.rate, b.tokens+s.rate*max(0, passed).Seconds()), now.UnixNano()
	enough := b.tokens >= 1
	if enough {
		b.tokens--
	}
	s.young[key] = b
	return enough
}

// heed reports whether a frame from an address without a session is to be
// answered. Those that are not cost no more than this.
func (g *group) heed(d *datagram) bool {
	if g.sources.take(g.server.config.Clock.Now(), d.from.Addr()) {
		return true
	}
	g.server.limited.Add(1)
	return false
}

// crowd is how many sessions each source has. The group's mu guards it.
type crowd map[netip.Addr]int

func (c crowd) enter(from netip.AddrPort) { c[sourceOf(from.Addr())]++ }

func (c crowd) leave(from netip.AddrPort) {
	key := sourceOf(from.Addr())
	if c[key]--; c[key] <= 0 {
		delete(c, key)
	}
}

// admits reports whether a source may have another session, and says so if not.
func (g *group) admits(d *datagram, asked *framing.Frame) bool {
	g.mu.Lock()
	n := g.crowd[sourceOf(d.from.Addr())]
	g.mu.Unlock()
	limit := g.server.config.MaxPerAddress
	if limit < 0 || n < limit {
		return true
	}
	over := &queue.LimitError{What: "sessions from one address", Limit: limit}
	g.refuse(d, asked, framing.CodeLimit, over.Error())
	return false
}
