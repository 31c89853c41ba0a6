//go:build !linux

package testbed

import (
	"context"
	"errors"
	"os"
)

var errNotLinux = errors.New("the hosts of a net are namespaces of the Linux kernel: run this on Linux, or in a virtual machine with it")

// Up fails: the hosts are namespaces, which are Linux's.
func Up(context.Context, *Config, []string, []string) (*Status, error) { return nil, errNotLinux }

// RunInit fails, as Up does.
func RunInit(context.Context, string, []string) error { return errNotLinux }

// RunKeeper fails, as Up does.
func RunKeeper(context.Context) error { return errNotLinux }

// Run fails, as Up does.
func Run(string, string, []string) (int, error) { return 0, errNotLinux }

// Ask fails, as Up does.
func Ask(context.Context, string, bool) (*Status, error) { return nil, errNotLinux }

// Set fails, as Up does.
func Set(context.Context, string, map[string]Setting) (*Status, error) { return nil, errNotLinux }

// StartCapture fails, as Up does.
func StartCapture(context.Context, string, *os.File) error { return errNotLinux }

// Record fails, as Up does.
func Record(context.Context, string, *os.File, func()) (*Capture, error) {
	return nil, errNotLinux
}

// Down fails, as Up does.
func Down(context.Context, string) (*Status, error) { return nil, errNotLinux }
