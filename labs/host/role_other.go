//go:build !linux

package host

// RunRole does nothing: only kernel hosts start helper processes.
func RunRole() {}
