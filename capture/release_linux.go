package capture

import (
	"os"

	"golang.org/x/sys/unix"
)

// release has the system take the pages of [from, to) of a mapped file out of
// the memory of this process. They can still be read. The page in which the
// range begins belongs to what is before.
func release(b []byte, from, to int) {
	page := os.Getpagesize()
	from, to = (from+page-1)&^(page-1), min((to+page-1)&^(page-1), len(b))
	if from < to {
		unix.Madvise(b[from:to], unix.MADV_DONTNEED) // advice: it works without
	}
}
