package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// settled is how long connections have been quiet before memory is measured:
// longer than a server keeps buffers for what might come.
const settled = 1500 * time.Millisecond

// idleMemory measures by how much a server's resident memory grows with each
// connection that has shaken hands, subscribed and fallen silent. Nothing is
// asked of the server's runtime: what its heap wastes counts.
func idleMemory(connections int) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		s, err := ourServer()
		if err != nil {
			return 0, err
		}
		server := s.server[0]
		defer server.stop()
		before, err := resident(server.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		idle, err := start(ctx, append(s.idle, fmt.Sprint(connections))...)
		if err != nil {
			return 0, err
		}
		defer idle.end()
		if _, err := idle.line(); err != nil {
			return 0, err
		}
		time.Sleep(settled)
		after, err := resident(server.cmd.Process.Pid)
		return (after - before) / float64(connections), err
	}
}

// resident returns the bytes of physical memory that a process has.
func resident(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kB float64
	_, err = fmt.Sscan(rest, &kB)
	return kB * 1024, err
}
