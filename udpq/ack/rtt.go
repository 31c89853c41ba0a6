package ack

import "time"

// Constants of RFC 6298 and RFC 9002.
const (
	initialTimeout = time.Second      // RFC 6298 (2.1); RFC 9002 section 6.2.2 comes to 999 ms
	maxTimeout     = time.Minute      // RFC 6298 (2.5)
	granularity    = time.Millisecond // what a timer of the Go runtime can do; RFC 9002 section 6.1.2
	maxBackoff     = 16               // doublings; maxTimeout comes before
)

// RTT is what is known of the round trip, and how long to wait for an
// acknowledgement therefore. The caller keeps to Karn's algorithm: it samples
// only what it knows the transmission of. The zero value is ready.
type RTT struct {
	smoothed, variation, least time.Duration
	backoff                    int // timeouts since the last sample
}

// Sample takes a round-trip time (RFC 6298 (2.2), (2.3)). It ends a backoff.
func (r *RTT) Sample(rtt time.Duration) {
	rtt = max(rtt, 1)
	if r.smoothed == 0 {
		r.smoothed, r.variation, r.least = rtt, rtt/2, rtt
	} else {
		r.variation += ((r.smoothed - rtt).Abs() - r.variation) / 4
		r.smoothed = max(r.smoothed+(rtt-r.smoothed)/8, 1)
		r.least = min(r.least, rtt)
	}
	r.backoff = 0
}

// Backoff doubles the timeout after it has passed in vain (RFC 6298 (5.5),
// RFC 9002 section 6.2.1).
func (r *RTT) Backoff() { r.backoff = min(r.backoff+1, maxBackoff) }

// Timeout returns how long to wait before the other end is probed (RFC 9002
// section 6.2.1). That it has passed does not say that anything is lost, so
// the least of RFC 6298 (2.4) does not bound it.
func (r *RTT) Timeout() time.Duration {
	d := initialTimeout
	if r.smoothed > 0 {
		d = r.smoothed + max(granularity, 4*r.variation) + ackDelay
	}
	return min(d<<r.backoff, maxTimeout)
}

// Smoothed returns the smoothed round-trip time, 0 before the first sample.
func (r *RTT) Smoothed() time.Duration { return r.smoothed }

// Least returns the least round-trip time seen, 0 before the first sample.
func (r *RTT) Least() time.Duration { return r.least }

// persistent returns how long everything must be lost for the congestion to
// be persistent (RFC 9002 section 7.6.1).
func (r *RTT) persistent() time.Duration {
	return 3 * (r.smoothed + max(granularity, 4*r.variation) + ackDelay)
}
