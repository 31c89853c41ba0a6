package ack

import "time"

// burst is how many bytes may leave at once (RFC 9002 section 7.7: at most
// the initial window), unless the rate is so high that a timer cannot pace it:
// then what the rate comes to between two ticks of one.
const burst = initialWindow

// Pacer spreads a window over a round trip: a token bucket whose rate is
// 1.25 windows per round trip (RFC 9002 section 7.7).
type Pacer struct {
	tokens float64 // bytes
	at     time.Time
}

// refill adds what has come since the last time, and returns how much fits.
// Without a round trip to spread over, the bucket is full.
func (p *Pacer) refill(now time.Time, window int, rtt time.Duration) (depth float64) {
	depth = burst
	if rtt <= 0 || p.at.IsZero() {
		p.tokens, p.at = burst, now
		return depth
	}
	depth = max(depth, rate(window, rtt)*float64(granularity))
	if d := now.Sub(p.at); d > 0 {
		p.tokens = min(depth, p.tokens+float64(d)*rate(window, rtt))
		p.at = now
	}
	return depth
}

// rate is in bytes per nanosecond.
func rate(window int, rtt time.Duration) float64 { return 1.25 * float64(window) / float64(rtt) }

// Wait returns how long to wait until so many bytes may leave, 0 for now. A
// datagram larger than the bucket leaves when that is full.
func (p *Pacer) Wait(now time.Time, bytes, window int, rtt time.Duration) time.Duration {
	depth := p.refill(now, window, rtt)
	missing := min(float64(bytes), depth) - p.tokens
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing/rate(window, rtt)) + 1
}

// Take takes the tokens of what has left. There may be too few of them: what
// probes the other end does not wait.
func (p *Pacer) Take(bytes int) { p.tokens = max(p.tokens-float64(bytes), -burst) }
