package dissect

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// looksTheSame holds the look of a datagram to what PlainEthernet says of
// another packet.
func looksTheSame(t *testing.T, a, b []byte) (same bool) {
	t.Helper()
	p, ok := PlainEthernet(a)
	if !ok || p.Protocol != UDP || len(a) != len(b) {
		return false
	}
	look := p.Look(a)
	if !look.Same(b) {
		return false
	}
	if got, ok := PlainEthernet(b); !ok || got != p {
		t.Errorf("% x looks as % x, which is %+v, but is %+v, %t", b, a, p, got, ok)
	}
	return true
}

// TestLook changes each byte of datagrams: only what is looked at may matter.
func TestLook(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	datagrams := 0
	for datagrams < 200 {
		a := plain(r)
		p, ok := PlainEthernet(a)
		if !ok || p.Protocol != UDP {
			continue
		}
		datagrams++
		matter := 0
		for at := range a {
			b := bytes.Clone(a)
			b[at] ^= 1 << r.IntN(8)
			if !looksTheSame(t, a, b) {
				matter++
			}
		}
		if matter > 11 { // type, version, length, fragment, protocol and UDP's length
			t.Fatalf("% x: %d bytes matter", a, matter)
		}
	}
}

func FuzzLook(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		a := plain(r)
		f.Add(a, a)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) { looksTheSame(t, a, b) })
}
