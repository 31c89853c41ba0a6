package capture

import (
	"os"

	"golang.org/x/sys/unix"
)

// populate has the system map the pages of [from, to) of a mapped file at
// once, which costs less than a fault for every few of them. Systems before
// Linux 5.14 do not; then there are faults.
func populate(b []byte, from, to int) { advise(b, from, to, unix.MADV_POPULATE_READ) }

// release has the system take the pages of [from, to) out of the memory of
// this process. They can still be read.
func release(b []byte, from, to int) { advise(b, from, to, unix.MADV_DONTNEED) }

// advise leaves out the page in which the range begins, which belongs to what
// is before.
func advise(b []byte, from, to, advice int) {
	page := os.Getpagesize()
	from, to = (from+page-1)&^(page-1), min((to+page-1)&^(page-1), len(b))
	if from < to {
		unix.Madvise(b[from:to], advice) // advice: it works without
	}
}
