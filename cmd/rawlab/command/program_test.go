package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// rawlab is the program as it is released, in a process of its own: labs on
// virtual hosts are not slowed there by the race detector, under which
// package labs runs them all.
func rawlab(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := builtRawlab()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = os.Environ()
	return cmd
}

// builtRawlab builds the program once, into programFolder, as it is released:
// without C.
var builtRawlab = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programFolder, "rawlab.exe") // Windows starts no other
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "rawlab/cmd/rawlab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
})
