package command_test

import (
	"os"
	"syscall"
)

// peakMemory returns the most that a process had resident, in KiB.
func peakMemory(p *os.ProcessState) int64 { return p.SysUsage().(*syscall.Rusage).Maxrss }
