package command_test

import (
	"os"
	"syscall"
)

// peakMemory returns the most that a process had resident, in KiB. Its type is
// the word of the machine.
func peakMemory(p *os.ProcessState) int64 { return int64(p.SysUsage().(*syscall.Rusage).Maxrss) }
