package ack

import "time"

// Constants of RFC 6298.
const (
	initialRTO  = time.Second            // (2.1)
	minRTO      = 200 * time.Millisecond // (2.4) says 1 s and allows less; this is Linux's
	maxRTO      = time.Minute            // (2.5)
	granularity = time.Millisecond       // G: what a timer of the Go runtime can do
)

// RTO tells how long to wait for an acknowledgement (RFC 6298). The caller
// keeps to Karn's algorithm: it samples only what was sent once. The zero
// value is ready.
type RTO struct {
	srtt, rttvar, rto time.Duration
}

// Sample takes a round-trip time (2.2, 2.3). It ends a backoff.
func (r *RTO) Sample(rtt time.Duration) {
	if r.srtt == 0 {
		r.srtt, r.rttvar = rtt, rtt/2
	} else {
		r.rttvar += ((r.srtt - rtt).Abs() - r.rttvar) / 4
		r.srtt += (rtt - r.srtt) / 8
	}
	r.srtt = max(r.srtt, 1)
	r.rto = clamp(r.srtt + max(granularity, 4*r.rttvar))
}

// Backoff doubles the timeout after it has passed in vain (5.5).
func (r *RTO) Backoff() { r.rto = clamp(2 * r.Timeout()) }

// Timeout returns how long to wait.
func (r *RTO) Timeout() time.Duration {
	if r.rto == 0 {
		return initialRTO
	}
	return r.rto
}

// Smoothed returns the smoothed round-trip time, 0 before the first sample.
func (r *RTO) Smoothed() time.Duration { return r.srtt }

func clamp(d time.Duration) time.Duration { return min(max(d, minRTO), maxRTO) }
