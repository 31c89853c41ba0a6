//go:build !linux

package testbed

import (
	"context"
	"os"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// Up fails: the hosts are namespaces, which are Linux's.
func Up(context.Context, *Config, []string, []string) (*Status, error) { return nil, host.CanIsolate() }

// RunInit fails, as Up does.
func RunInit(context.Context, string, []string) error { return host.CanIsolate() }

// RunKeeper fails, as Up does.
func RunKeeper(context.Context) error { return host.CanIsolate() }

// Run fails, as Up does.
func Run(string, string, []string) (int, error) { return 0, host.CanIsolate() }

// Ask fails, as Up does.
func Ask(context.Context, string, bool) (*Status, error) { return nil, host.CanIsolate() }

// Set fails, as Up does.
func Set(context.Context, string, uint64, [2]wire.Impairment) (*Status, error) {
	return nil, host.CanIsolate()
}

// StartCapture fails, as Up does.
func StartCapture(context.Context, string, *os.File) error { return host.CanIsolate() }

// Record fails, as Up does.
func Record(context.Context, string, *os.File, func()) (*Capture, error) {
	return nil, host.CanIsolate()
}

// Down fails, as Up does.
func Down(context.Context, string) (*Status, error) { return nil, host.CanIsolate() }
