package ack_test

import (
	"testing"
	"time"

	"rawlab/udpq/ack"
)

const ms = time.Millisecond

// The numbers are RFC 6298's formulas by hand, with the least of RFC 9002 for
// the variation and the 10 ms that an ack may be late.
func TestRTT(t *testing.T) {
	var r ack.RTT
	if got := r.Timeout(); got != time.Second {
		t.Errorf("Timeout() before a sample = %v, want 1 s (2.1)", got)
	}
	steps := []struct{ rtt, smoothed, timeout time.Duration }{
		{800 * ms, 800 * ms, 800*ms + 4*400*ms},                  // (2.2)
		{800 * ms, 800 * ms, 800*ms + 4*300*ms},                  // (2.3): rttvar ¾
		{1600 * ms, 900 * ms, 900*ms + 4*425*ms},                 // rttvar ¾·300 + ¼·800, from the old srtt
		{900 * ms, 900 * ms, 900*ms + 4*318750*time.Microsecond}, // ¾·425
	}
	for i, s := range steps {
		r.Sample(s.rtt)
		if r.Smoothed() != s.smoothed || r.Timeout() != s.timeout+10*ms {
			t.Errorf("sample %d: smoothed, timeout = %v, %v, want %v, %v", i, r.Smoothed(), r.Timeout(), s.smoothed, s.timeout+10*ms)
		}
	}
	if got := r.Least(); got != 800*ms {
		t.Errorf("Least() = %v, want 800 ms", got)
	}
	before := r.Timeout()
	r.Backoff()
	if got := r.Timeout(); got != 2*before {
		t.Errorf("Timeout() after Backoff = %v, want %v (5.5)", got, 2*before)
	}
	for range 100 {
		r.Backoff()
	}
	if got := r.Timeout(); got != time.Minute {
		t.Errorf("Timeout() after many = %v, want the bound of 1 min (2.5)", got)
	}
	for range 100 {
		r.Sample(ms)
	}
	if got := r.Timeout().Round(ms); got != 12*ms {
		t.Errorf("Timeout() on a quick path = %v, want 1 ms, as much for its variation, and 10 ms", got)
	}
}
