package udpq

import (
	"net"
	"sync"
	"time"
)

// MinRate is the lowest rate in bits per second that datagrams are paced to.
const MinRate = 1000

// Pace bounds how fast datagrams leave: a token bucket. What counts is what tc
// counts, UDP payloads with the headers of UDP, IP and Ethernet, so that a wire
// of the same rate never has more than Burst waiting. Over any time t no more
// than Rate·t + Burst leave, and one datagram. What is asked and answered, such
// as a hello or a pong, does not wait; events wait for it. The zero Pace is
// none: then only ReliabilityAck paces, by its window, and ReliabilityFEC at
// 1 Gbit/s.
type Pace struct {
	Rate  int64 // bits per second, 0: as fast as the system takes them; else at least MinRate
	Burst int   // bytes at once after a pause, default DefaultBurst, or what leaves in 2 ms if that is more
}

// DefaultBurst is ten datagrams of an Ethernet: what a path that is not known
// yet is sent at once (RFC 9002 section 7.7, RFC 6928 section 2).
const DefaultBurst = 10 * 1514

// burstTime is how late the system's timers may be without an effect.
const burstTime = 2 * time.Millisecond

// Headers of a datagram on Ethernet, in bytes: UDP (RFC 768), IP (RFC 791, RFC
// 8200), Ethernet without its checksum.
const (
	headers4 = 8 + 20 + 14
	headers6 = 8 + 40 + 14
)

// pacer is the bucket of one destination. It may be in debt by a datagram, and
// what does not wait. A nil pacer is always open. It is safe for concurrent use.
type pacer struct {
	rate    float64 // bytes per second
	depth   float64
	headers int

	mu     sync.Mutex
	tokens float64
	at     time.Time
}

// newPacer returns the bucket for an address, nil for no pace.
func newPacer(p Pace, to net.Addr) *pacer {
	if p.Rate <= 0 {
		return nil
	}
	rate := float64(max(p.Rate, MinRate)) / 8
	depth := float64(p.Burst)
	if depth <= 0 {
		depth = max(DefaultBurst, rate*burstTime.Seconds())
	}
	headers := headers4
	if to != nil && addrPort(to).Addr().Unmap().Is6() {
		headers = headers6
	}
	return &pacer{rate: rate, depth: depth, tokens: depth, headers: headers}
}

// open reports whether a datagram may leave now.
func (p *pacer) open(now time.Time) bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refill(now)
	return p.tokens > 0
}

// take pays for datagrams that leave.
func (p *pacer) take(datagrams, bytes int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens -= float64(bytes + datagrams*p.headers)
}

// wait returns how long it takes until a datagram may leave, 0 for now: then
// some may, since timers are not as fine as datagrams on a fast network.
func (p *pacer) wait(now time.Time) time.Duration {
	if p.open(now) {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := min(p.depth, p.rate*burstTime.Seconds()/4)
	return time.Duration((wanted-p.tokens)/p.rate*float64(time.Second)) + 1
}

// refill adds what has come since the last time. The caller holds mu.
func (p *pacer) refill(now time.Time) {
	if d := now.Sub(p.at); d > 0 {
		if !p.at.IsZero() {
			p.tokens = min(p.depth, p.tokens+d.Seconds()*p.rate)
		}
		p.at = now
	}
}

// later returns when to look again at what has something to do at wake, or now
// if that is over: not before it may send. Somebody may wait for room as well.
func (p *pacer) later(now, wake time.Time, awaited bool) time.Time {
	wait := p.wait(now)
	if wait == 0 {
		return wake
	}
	opens := now.Add(wait)
	if overdue := !wake.IsZero() && !wake.After(now); overdue || awaited && (wake.IsZero() || wake.After(opens)) {
		return opens
	}
	return wake
}
