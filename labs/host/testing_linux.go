package host

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// IsolateTests runs a package's tests in namespaces of their own and returns
// the exit code. Where the machine refuses them it runs the tests outside,
// where those that need hosts skip themselves with [Isolated]; with
// RAWLAB_REQUIRE_NETNS=1 it fails instead.
func IsolateTests(run func() int) int {
	if Isolated() {
		hurryChildren()
		return run()
	}
	code, err := Isolate(context.Background(), os.Args[1:])
	if err == nil {
		return code
	}
	if os.Getenv("RAWLAB_REQUIRE_NETNS") == "1" {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

// hurryChildren lets the wires that tests start end when they are done: with
// the race detector each would wait a second for what its threads may still
// find, and a wire's have ended by then. This process waits as ever.
func hurryChildren() {
	const name = "GORACE"
	if options := os.Getenv(name); !strings.Contains(options, "atexit_sleep_ms") {
		os.Setenv(name, strings.TrimSpace(options+" atexit_sleep_ms=0"))
	}
}
