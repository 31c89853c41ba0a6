package framing

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Lanes is how many checksums are taken at once: a processor takes three
// cycles for one step of a checksum, but can begin another's each cycle.
const Lanes = 4

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// checksumEach returns the checksums of the first n bytes of each of b.
func checksumEach(b *[Lanes][]byte, n int) (sums [Lanes]uint32) {
	for i, b := range b {
		sums[i] = checksum(b[:n])
	}
	return sums
}
