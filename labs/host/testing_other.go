//go:build !linux

package host

// IsolateTests runs a package's tests; there are no namespaces here.
func IsolateTests(run func() int) int { return run() }
