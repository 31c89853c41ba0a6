package framing

import "golang.org/x/sys/cpu"

// checksums returns the checksums of the first n bytes of each of b.
func checksums(b *[Lanes][]byte, n int) (sums [Lanes]uint32) {
	if !cpu.X86.HasSSE42 {
		return checksumEach(b, n)
	}
	for _, b := range b {
		_ = b[:n]
	}
	castagnoliLanes(b, n, &sums)
	return sums
}

// castagnoliLanes reads n bytes of each of b, which has them.
//
//go:noescape
func castagnoliLanes(b *[Lanes][]byte, n int, sums *[Lanes]uint32)
