package edge

import (
	"crypto/rand"
	"encoding/binary"
)

// DrawOrigin returns an origin that nobody else has: 64 random bits, not zero.
func DrawOrigin() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return max(1, binary.BigEndian.Uint64(b[:]))
}
