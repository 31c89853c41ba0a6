//go:build !linux

package host

import (
	"context"
	"errors"
)

var errNoKernelHosts = errors.New("kernel hosts need Linux")

// Isolated reports whether this process already has namespaces of its own.
func Isolated() bool { return false }

// Isolate fails: namespaces are Linux's.
func Isolate(context.Context, []string) (int, error) {
	return 0, &IsolationError{Err: errNoKernelHosts}
}

// IsolateAsRoot fails as Isolate does.
func IsolateAsRoot(ctx context.Context, argv []string) (int, error) { return Isolate(ctx, argv) }

// CanIsolate tells whether Isolate would succeed here: it would not.
func CanIsolate() error { return &IsolationError{Err: errNoKernelHosts} }
