package host

import "os"

// RunRole makes this process what a parent started it as, if it was started
// by one: programs and test binaries that use this package call it first in
// main. It does not return in such a process.
func RunRole() {
	if os.Getenv(probeEnv) != "" {
		os.Exit(probe())
	}
}
