//go:build unix

package machine

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the processor time that this process has used, its own
// code and the kernel's on its behalf.
func CPUTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
