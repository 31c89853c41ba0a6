package machine

import (
	"fmt"
	"time"

	"golang.org/x/sys/windows"
)

// CPUTime returns the processor time that this process has used, its own
// code and the kernel's on its behalf.
func CPUTime() (time.Duration, error) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return 0, fmt.Errorf("GetProcessTimes: %w", err)
	}
	return ticks(kernel) + ticks(user), nil
}

// ticks reads a span that Windows counts in 100 ns.
func ticks(f windows.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}
