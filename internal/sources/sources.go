// Package sources bounds what each source of datagrams is heeded for, so that a
// flood from one costs no more than a look at it. Who sends from many addresses
// is many sources, and what bears a forged address counts as who it names.
package sources

import (
	"net/netip"
	"time"
)

// maxSources bounds the sources that a server remembers the frames of.
const maxSources = 1 << 14

// Of returns who is behind an address, as far as that can be told: of
// IPv6 everybody in a /64 (RFC 6177 section 2 gives each site one at least).
func Of(addr netip.Addr) netip.Addr {
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

// Rates is a token bucket for each source, of those that sent last. They are
// kept in two generations: when the young are half of maxSources, they are the
// old, and those that were old are forgotten, which gives them full buckets.
// One goroutine at a time uses it.
type Rates struct {
	rate       float64 // tokens a second, and how many fit; negative: no limit
	young, old map[netip.Addr]bucket
}

// New returns full buckets for so many frames a second, negative: no limit.
func New(rate int) *Rates {
	return &Rates{rate: float64(rate), young: make(map[netip.Addr]bucket)}
}

// Take takes a token for a frame from an address, if there is one.
func (s *Rates) Take(now time.Time, from netip.Addr) bool {
	if s.rate < 0 {
		return true
	}
	key := Of(from)
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
