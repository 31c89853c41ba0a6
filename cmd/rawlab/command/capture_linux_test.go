package command_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rawlab/labs/host"
)

func TestCaptureFullDisk(t *testing.T) {
	code, _, stderr := runCapture(t, nil, "-r", eventFile(t), "-w", "/dev/full")
	if code != 1 || !strings.Contains(stderr, "/dev/full: no space left on device") {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
}

// buildRawlab builds the program, for what needs a process of its own. Without
// the right to namespaces the test is skipped, unless RAWLAB_REQUIRE_NETNS
// says that it has to run.
func buildRawlab(t *testing.T) string {
	t.Helper()
	if err := host.CanIsolate(); err != nil && os.Getenv("RAWLAB_REQUIRE_NETNS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_NETNS is set, but: %v", err)
	} else if err != nil {
		t.Skip(err)
	}
	path, err := builtRawlab()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCaptureInNamespace has a shell send through the private loopback and
// end with a code of its own.
func TestCaptureInNamespace(t *testing.T) {
	program := buildRawlab(t)
	const send = "echo said; for i in 1 2 3; do echo hello >/dev/udp/127.0.0.1/9; done; exit 7"
	file := filepath.Join(t.TempDir(), "out.pcapng")
	for name, c := range map[string]struct {
		args   []string
		out    string
		packet int
	}{
		"printing": {nil, "", 3},
		"to file":  {[]string{"-w", file}, "said\n", 0},
		"counted":  {[]string{"-c", "2"}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{"capture"}, c.args...), "udp port 9", "--in-namespace", "bash", "-c", send)
			cmd := exec.Command(program, args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if name != "counted" && (!ok || exit.ExitCode() != 7) {
				t.Errorf("%v, want the command's exit code 7", err)
			}
			if n := strings.Count(stdout.String(), "127.0.0.1:9 udp, 48 bytes"); n != c.packet || !strings.HasPrefix(stdout.String(), c.out) {
				t.Errorf("%d packets on stdout, want %d:\n%s%s", n, c.packet, stdout.String(), stderr.String())
			}
			if !strings.Contains(stderr.String(), " packets captured, 0 dropped by the kernel\n") {
				t.Errorf("stderr %q", stderr.String())
			}
		})
	}
	if _, stdout, _ := runCapture(t, nil, "-r", file); strings.Count(stdout, "\n") != 3 {
		t.Errorf("the file holds\n%swant 3 packets", stdout)
	}
}

// TestNobodyReads: who writes into a pipe that nobody reads any more ends in
// silence, with the exit code that a shell tells of it.
func TestNobodyReads(t *testing.T) {
	program := buildRawlab(t)
	for name, args := range map[string][]string{
		"kernel":  {"capture", "--in-namespace", "bash", "-c", "echo hello >/dev/udp/127.0.0.1/9"},
		"virtual": {"lab", "run", "layers", "--backend", "virtual", "-q"},
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			cmd := exec.Command(program, args...)
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = w, &stderr
			err = cmd.Run()
			w.Close()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 128+int(syscall.SIGPIPE) || strings.Contains(stderr.String(), "rawlab:") {
				t.Errorf("%v, stderr %q, want exit code 141 and no complaint", err, stderr.String())
			}
		})
	}
}
