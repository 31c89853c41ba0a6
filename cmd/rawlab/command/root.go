// Package command is rawlab's command line: a file per verb.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"rawlab/labs/host"
)

// Exit codes, part of the command line's contract.
const (
	exitOK      = 0
	exitFailure = 1 // something went wrong while running
	exitUsage   = 2 // the command line itself is wrong
	exitCheck   = 3 // a check did not hold
)

// usageError is a mistake in how the command was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// checkError says that the run itself went well, but a claim did not hold.
type checkError struct{ err error }

func (e *checkError) Error() string { return e.err.Error() }
func (e *checkError) Unwrap() error { return e.err }

// Main runs one command line and returns its exit code. SIGINT and SIGTERM
// cancel the context that verbs work under.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if !host.Isolated() && !host.Alone() { // inside, the terminal's signal and the outer process's mean the same
		context.AfterFunc(ctx, stop) // a second signal ends the program at once
	}
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if _, said := errors.AsType[*exitError](err); err != nil && !said {
		fmt.Fprintf(stderr, "rawlab: %v\n%s", err, marked(stderr, err))
	}
	return exitCode(err)
}

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*checkError](err); ok {
		return exitCheck
	}
	return exitFailure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "rawlab",
		Short:         "A raw TCP/UDP networking lab: every event accounted for",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(root)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newLab(), newCapture(), newExplain(), newBench(), newDoctor(), newServe(), newEmit(), newListen(), newToken(), newTopics(), newNet(), newMan())
	addCompletions(root)
	return root
}

// group makes c a command that only holds others: alone it prints its help,
// and an unknown word is a usage error with the nearest known ones.
func group(c *cobra.Command) {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := fmt.Sprintf("see '%s --help'", c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return usagef("unknown command %q for '%s'; %s", args[0], c.CommandPath(), hint)
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.SuggestionsMinimumDistance = 2
}

// positional makes an argument validator's error a usage error.
func positional(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usagef("%w; usage: %s", err, c.UseLine())
		}
		return nil
	}
}
