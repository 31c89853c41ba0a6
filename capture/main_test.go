package capture_test

import (
	"os"
	"testing"

	"rawlab/labs/host"
)

// TestMain puts the tests into namespaces of their own where the machine
// allows it, so that an ordinary user may make more of them and capture.
func TestMain(m *testing.M) {
	host.RunRole()
	os.Exit(host.IsolateTests(m.Run))
}
