package host

import (
	"context"
	"fmt"
	"os"
)

// IsolateTests runs a package's tests in namespaces of their own and returns
// the exit code. Where the machine refuses them it runs the tests outside,
// where those that need hosts skip themselves with [Isolated]; with
// RAWLAB_REQUIRE_NETNS=1 it fails instead.
func IsolateTests(run func() int) int {
	if Isolated() {
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
