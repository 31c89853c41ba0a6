package fec

import "time"

// Bounds of what leaves. Nobody tells the sender what the path takes.
const (
	rate  = 125e6    // bytes per second: 1 Gbit/s
	burst = 64 << 10 // bytes at once
)

// bucket is a token bucket.
type bucket struct {
	tokens float64 // bytes
	at     time.Time
}

// wait returns how long to wait until so many bytes may leave, 0 for now. A
// datagram larger than the bucket leaves when that is full.
func (b *bucket) wait(now time.Time, bytes int) time.Duration {
	if b.at.IsZero() {
		b.tokens, b.at = burst, now
	}
	if d := now.Sub(b.at); d > 0 {
		b.tokens, b.at = min(burst, b.tokens+d.Seconds()*rate), now
	}
	missing := float64(min(bytes, burst)) - b.tokens
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing/rate*float64(time.Second)) + 1
}

// take takes the tokens of what has left.
func (b *bucket) take(bytes int) { b.tokens -= float64(min(bytes, burst)) }
