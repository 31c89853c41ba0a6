package udpq_test

import (
	"testing"

	"rawlab/udpq"
)

// BenchmarkDial is how long it takes over loopback to get a session and to
// leave it.
func BenchmarkDial(b *testing.B) {
	s := serve(b, nil)
	for b.Loop() {
		c, err := udpq.Dial(b.Context(), s.addr, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
