package fec

import (
	"sync"

	"github.com/klauspost/reedsolomon"
)

// codecs holds one codec for each number of data and parity shards that was
// ever asked for, MaxData × MaxParity at most: making one takes up to a
// millisecond, and a hello must not cost that much.
var codecs sync.Map // of [2]int to reedsolomon.Encoder

// codecOf returns the codec of checked params. It is safe for concurrent use.
func codecOf(p Params) reedsolomon.Encoder {
	key := [2]int{p.Data, p.Parity}
	if c, ok := codecs.Load(key); ok {
		return c.(reedsolomon.Encoder)
	}
	made, err := reedsolomon.New(p.Data, p.Parity,
		reedsolomon.WithMaxGoroutines(1), // shards are small
		reedsolomon.WithInversionCache(patterns(p) <= maxPatterns))
	if err != nil {
		panic("fec: " + p.String() + ": " + err.Error())
	}
	c, _ := codecs.LoadOrStore(key, made)
	return c.(reedsolomon.Encoder)
}

// maxPatterns is up to how many patterns of loss a codec remembers what it
// worked out for each.
const maxPatterns = 1000

// patterns returns how many patterns of loss can be repaired, roughly.
func patterns(p Params) int {
	n := 1
	for i := range p.Parity {
		if n = n * (p.Data + p.Parity - i) / (i + 1); n > maxPatterns {
			break
		}
	}
	return n
}

// A shard is a datagram in the form in which parity covers it:
//
//	u16 length | frames | zeros up to the longest of its group
const lengthBytes = 2

// nothing is the shard of a datagram that a group lacks since it ended early.
var nothing [lengthBytes + maxFrames]byte

// Overhead is how many bytes a parity datagram is longer than the longest
// frames it covers. A numbered one is longer than its frames by less.
const Overhead = parityBytes + lengthBytes
