//go:build !linux

package capture

// populate does nothing: pages are mapped when they are touched.
func populate([]byte, int, int) {}

// release does nothing: the system knows which pages it may take.
func release([]byte, int, int) {}
