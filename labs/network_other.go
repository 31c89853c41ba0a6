//go:build !linux

package labs

import (
	"context"

	"rawlab/labs/host"
)

// newKernelNetwork fails: kernel hosts are Linux's.
func newKernelNetwork(ctx context.Context, _ *Options) (context.Context, Network, error) {
	return ctx, nil, host.CanIsolate()
}

// newKernelSwitched fails for the same reason.
func newKernelSwitched(ctx context.Context, _ *Options) (context.Context, Network, error) {
	return ctx, nil, host.CanIsolate()
}

// congestionControls are those that kernel hosts have.
func congestionControls() []string { return nil }
