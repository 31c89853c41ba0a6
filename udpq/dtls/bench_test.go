package dtls_test

import (
	"testing"

	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// BenchmarkDial is how long it takes over loopback to shake hands, to get a
// session, and to leave it.
func BenchmarkDial(b *testing.B) {
	d := open(b, dtls.Config{}, udpq.Config{})
	how := d.pinned(b)
	for b.Loop() {
		c, err := udpq.Dial(b.Context(), d.addr, &udpq.ClientConfig{Dial: how.Dial})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEmit is how long an event of 100 bytes takes to be acknowledged,
// one after the other at most a window apart.
func BenchmarkEmit(b *testing.B) {
	d := open(b, dtls.Config{}, udpq.Config{})
	c := d.dial(b, d.pinned(b), udpq.ClientConfig{Reliability: udpq.ReliabilityAck})
	payload := make([]byte, 100)
	for b.Loop() {
		if _, err := c.Emit("news", payload); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
