package tcpflow

import "time"

// RTT is what a direction's round-trip times came to.
type RTT struct {
	Samples   int
	Min, Max  time.Duration
	Sum       time.Duration
	Smoothed  time.Duration // SRTT of RFC 6298, section 2, after the last sample
	Variation time.Duration // RTTVAR
}

// Mean returns the mean of all samples, 0 if there are none.
func (r *RTT) Mean() time.Duration {
	if r.Samples == 0 {
		return 0
	}
	return r.Sum / time.Duration(r.Samples)
}

// add takes a sample (RFC 6298, section 2.2 and 2.3).
func (r *RTT) add(d time.Duration) {
	if r.Samples == 0 {
		r.Min, r.Smoothed, r.Variation = d, d, d/2
	} else {
		r.Variation += ((r.Smoothed - d).Abs() - r.Variation) / 4
		r.Smoothed += (d - r.Smoothed) / 8
	}
	r.Samples++
	r.Sum += d
	r.Min, r.Max = min(r.Min, d), max(r.Max, d)
}

const (
	// leastTimeout is the least that a retransmission timer is set to by the
	// hosts in use: Linux, gVisor and the BSDs; RFC 6298, section 2.4, would
	// have it at a second.
	leastTimeout = 200 * time.Millisecond
	// firstTimeout is the timer's before there is a sample (RFC 6298, section 2.1).
	firstTimeout = time.Second
)

// timeout is the least time after which the retransmission timer can have
// expired, a tenth below what this tap's measurements make of it, since the
// sender's may differ.
func (r *RTT) timeout() time.Duration {
	t := firstTimeout
	if r.Samples > 0 {
		t = max(leastTimeout, r.Smoothed+4*r.Variation)
	}
	return t - t/10
}

// probe is the same of a tail loss probe: two round trips (RFC 8985, section
// 7.2). Before there is a sample none can be told.
func (r *RTT) probe() time.Duration {
	return 2*r.Smoothed - r.Smoothed/5
}

// Waits counts waits of one kind.
type Waits struct {
	Count          int
	Total, Longest time.Duration
}

func (w *Waits) add(d time.Duration) {
	w.Count++
	w.Total += d
	w.Longest = max(w.Longest, d)
}
