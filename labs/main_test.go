package labs_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"rawlab/capture/reasons"
	"rawlab/labs"
	"rawlab/labs/host"
)

// TestMain puts the tests into namespaces of their own.
func TestMain(m *testing.M) {
	if os.Getenv(burnEnv) != "" {
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		}
		os.Exit(0)
	}
	labs.RunRole()
	flag.Parse()
	flag.Set("test.parallel", "8") // labs on kernel hosts mostly wait; the command line may say otherwise
	if !host.Isolated() && !testing.Short() {
		if code := askKernel(); code != 0 {
			os.Exit(code)
		}
	}
	os.Exit(host.IsolateTests(m.Run))
}

// askEnv marks a process in which provocations ask the kernel for its reasons.
const askEnv = "RAWLAB_ASK_KERNEL"

// asked are the tests of fates that a kernel brings about itself.
const asked = "^(TestFatesAtOneHost|TestFate(Filtered|NoSocket|ReceiveBuffer|SendRefused|HostQueue|Checksum|WireCorrupt))$"

// askKernel runs those tests once more where the kernel gives its reasons,
// which user namespaces do not. Who may not ask goes on without, unless
// RAWLAB_REQUIRE_KERNEL says that root must.
func askKernel() int {
	if run := flag.Lookup("test.run").Value.String(); run != "" && !regexp.MustCompile(run).MatchString("TestFateNoSocket") || flag.Lookup("test.list").Value.String() != "" {
		return 0
	}
	w, err := reasons.Open(nil)
	if err != nil && os.Geteuid() == 0 && os.Getenv("RAWLAB_REQUIRE_KERNEL") != "" {
		fmt.Fprintln(os.Stderr, "RAWLAB_REQUIRE_KERNEL is set, but:", err)
		return 1
	}
	if err != nil {
		return 0
	}
	w.Close()
	os.Setenv(askEnv, "1")
	defer os.Unsetenv(askEnv)
	code, err := host.IsolateAsRoot(context.Background(), append(os.Args[1:], "-test.run="+asked))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
