package labs_test

import (
	"os"
	"testing"

	"rawlab/labs/host"
)

// TestMain puts the tests into namespaces of their own.
func TestMain(m *testing.M) {
	host.RunRole()
	os.Exit(host.IsolateTests(m.Run))
}
