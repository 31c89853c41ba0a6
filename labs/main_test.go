package labs_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"rawlab/labs/host"
)

// TestMain puts the tests into namespaces of their own.
func TestMain(m *testing.M) {
	if os.Getenv(burnEnv) != "" {
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		}
		os.Exit(0)
	}
	host.RunRole()
	flag.Set("test.parallel", "8") // labs on kernel hosts mostly wait; the command line may say otherwise
	os.Exit(host.IsolateTests(m.Run))
}
