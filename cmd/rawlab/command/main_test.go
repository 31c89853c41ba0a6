package command_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"rawlab/cmd/rawlab/command"
	"rawlab/labs/host"
)

// TestMain lets this test binary be what it starts itself as: a process that
// package host wants, or a benchmark's server.
func TestMain(m *testing.M) {
	host.RunRole()
	if len(os.Args) > 2 && slices.Equal(os.Args[1:3], []string{"bench", "server"}) {
		os.Exit(command.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
