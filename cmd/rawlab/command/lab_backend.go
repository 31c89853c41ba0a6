package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"rawlab/capture/reasons"
	"rawlab/labs"
	"rawlab/labs/host"
)

// backendAuto chooses the backend by what the machine can do.
const backendAuto = "auto"

// chooseBackend returns the labs' backend. Where the machine refuses kernel
// hosts it says so, unless virtual ones were asked for.
func (f *labFlags) chooseBackend(stderr io.Writer) (string, error) {
	switch f.backend {
	case labs.BackendKernel, labs.BackendVirtual:
		return f.backend, nil
	case backendAuto:
	default:
		return "", usagef("--backend %s: must be auto, %s or %s", f.backend, labs.BackendKernel, labs.BackendVirtual)
	}
	switch {
	case host.Isolated():
		return labs.BackendKernel, nil
	case host.Alone():
		return labs.BackendVirtual, nil
	}
	if err := host.CanIsolate(); err != nil {
		if e, ok := errors.AsType[*host.IsolationError](err); ok && runtime.GOOS != "linux" {
			err = e.Err // without the advice, which is Linux's
		}
		if !f.quiet {
			fmt.Fprintf(stderr, "running on virtual hosts: %v\n", err)
		}
		return labs.BackendVirtual, nil
	}
	return labs.BackendKernel, nil
}

// askable says why the kernel cannot be asked for its reasons, if it is to be
// and cannot.
func (f *labFlags) askable(backend string) error {
	switch {
	case !f.options.KernelReasons:
		return nil
	case backend == labs.BackendVirtual:
		return usagef("--kernel-reasons: only the kernel gives them, and virtual hosts have none; use --backend kernel")
	}
	w, err := reasons.Open(nil)
	if err != nil {
		return fmt.Errorf("--kernel-reasons: %w", err)
	}
	return w.Close()
}

// runsElsewhere returns how to run this command line again in a process fit
// for the backend; nil if this one is.
func (f *labFlags) runsElsewhere(backend string) func(context.Context, []string) (int, error) {
	switch {
	case backend == labs.BackendVirtual && !host.Alone():
		return host.RunAlone
	case backend == labs.BackendKernel && !host.Isolated():
		if f.options.KernelReasons {
			return host.IsolateAsRoot
		}
		return host.Isolate
	}
	return nil
}

// exitError carries the exit code of an inner process that has already said
// what there was to say.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// rerun runs this command line again in another process.
func rerun(ctx context.Context, again func(context.Context, []string) (int, error)) error {
	code, err := again(ctx, os.Args[1:])
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted") // before the other process had learned what to do then
	} else if err != nil {
		return err
	}
	if code != exitOK {
		return &exitError{code}
	}
	return nil
}
