package account

import (
	"math/rand/v2"
	"testing"
)

// TestSentBytes compares with a map of every byte, over the wrap of sequence
// numbers.
func TestSentBytes(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		start := ^uint32(500)
		s, sent := sentBytes{end: start}, map[uint32]bool{}
		for range 200 {
			from := start + uint32(r.IntN(1000))
			to := from + 1 + uint32(r.IntN(30))
			want := false
			for b := from; b != to; b++ {
				want = want || sent[b]
				sent[b] = true
			}
			if got := s.again(from, to); got != want {
				t.Fatalf("seed %d: again(%d, %d) = %t, want %t", seed, from, to, got, want)
			}
		}
	}
}
