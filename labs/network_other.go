//go:build !linux

package labs

import "rawlab/labs/host"

// newNetwork fails: kernel hosts are Linux's.
func newNetwork(uint64) (Network, error) { return nil, host.CanIsolate() }
