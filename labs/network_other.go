//go:build !linux

package labs

import "rawlab/labs/host"

// newKernelNetwork fails: kernel hosts are Linux's.
func newKernelNetwork(uint64) (Network, error) { return nil, host.CanIsolate() }
