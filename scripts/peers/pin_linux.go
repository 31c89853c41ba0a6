package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinned runs f with every thread of some processes on one CPU, and lets them
// go afterwards. A round trip whose ends wake each other across CPUs takes
// several times as long as on one, and which it is changes by the minute.
func pinned(pids []int, f func() error) error {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("affinity: %w", err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	for _, pid := range pids {
		if err := setAffinity(pid, &one); err != nil {
			return err
		}
		defer setAffinity(pid, &all)
	}
	return f()
}

// setAffinity puts every thread of a process on CPUs.
func setAffinity(pid int, cpus *unix.CPUSet) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, cpus); err != nil && !os.IsNotExist(err) && err != unix.ESRCH {
			return fmt.Errorf("affinity of thread %d: %w", id, err)
		}
	}
	return nil
}
