package command_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"rawlab/cmd/rawlab/command"
	"rawlab/labs"
)

// programEnv makes the test binary the program itself.
const programEnv = "RAWLAB_TEST_PROGRAM"

// programFolder is removed when all tests have run.
var programFolder string

// TestMain lets this test binary be what it starts itself as: a process that
// package host wants, a benchmark's server, or the program.
func TestMain(m *testing.M) {
	labs.RunRole()
	server := len(os.Args) > 2 && slices.Equal(os.Args[1:3], []string{"bench", "server"})
	if server || os.Getenv(programEnv) != "" {
		os.Exit(command.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if programFolder, err = os.MkdirTemp("", "rawlab-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programFolder)
	return m.Run()
}
