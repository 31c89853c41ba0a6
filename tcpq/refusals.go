package tcpq

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"sync"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// refusals counts connections that were cut off before their welcome.
type refusals struct {
	mu       sync.Mutex
	byReason map[string]uint64
}

// refusalReason is the word that a refusal is counted under: "tls", or the
// code's name.
func refusalReason(err error, code framing.Code) string {
	if _, ok := errors.AsType[*tlsError](err); ok && code != framing.CodeTimeout {
		return "tls"
	}
	if code == framing.CodeOK || code == framing.CodeInternal {
		return "connection-lost"
	}
	return code.String()
}

func (s *Server) refuse(reason string) {
	r := &s.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byReason == nil {
		r.byReason = make(map[string]uint64)
	}
	r.byReason[reason]++
}

func (r *refusals) counts() (byReason map[string]uint64, total uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.byReason {
		total += n
	}
	return maps.Clone(r.byReason), total
}

// maxTelling is how many connections over the limit are told so at a time;
// more than that are closed without a word.
const maxTelling = 64

// addresses counts connections by where they come from.
type addresses struct {
	mu    sync.Mutex
	count map[netip.Addr]int
}

// enter counts a connection and returns which limit it is over, if any.
func (a *addresses) enter(c net.Conn, limit int) error {
	addr := addressOf(c)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == nil {
		a.count = make(map[netip.Addr]int)
	}
	a.count[addr]++
	if limit > 0 && a.count[addr] > limit {
		return &queue.LimitError{What: "connections from your address", Limit: limit}
	}
	return nil
}

func (a *addresses) leave(c net.Conn) {
	addr := addressOf(c)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count[addr]--; a.count[addr] == 0 {
		delete(a.count, addr)
	}
}

// addressOf returns where a connection comes from; a zero one for those that
// are in memory. Of an IPv6 address the upper half: that is what one
// subscriber is given (RFC 6177).
func addressOf(c net.Conn) netip.Addr {
	t, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := t.AddrPort().Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
