package command_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInterrupted ends labs, with what a terminal sends to all its processes,
// once they have begun: they tell what they have, and leave nothing behind.
func TestInterrupted(t *testing.T) {
	for name, args := range map[string][]string{
		"virtual": {"loss", "--backend", "virtual", "--events", "500000"},
		"kernel":  {"loss", "--backend", "kernel", "--events", "500000"},
		"sweep":   {"loss", "--backend", "virtual", "--events", "300", "--loss", "0,1%", "--repeat", "400"},
		"several": {"loss", "duplicate", "--backend", "virtual", "--events", "500000"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			cmd := rawlab(t, append([]string{"lab", "run", "-o", folder, "--junit", filepath.Join(folder, "junit.xml")}, args...)...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			stdout, err := os.Create(filepath.Join(folder, "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			defer stdout.Close()
			cmd.Stdout = stdout
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(stderr)
			began, err := lines.ReadString('\n')
			for err == nil && !strings.Contains(began, ": tcp, 500000 events") && !strings.HasPrefix(began, "3 of 800") {
				began, err = lines.ReadString('\n')
			}
			if err != nil {
				t.Fatalf("nothing began: %v", err)
			}
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(lines) // ends when every process that could write has ended
			if err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), "interrupted") {
				t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), said)
			}
			if skipped := strings.Contains(string(said), "before 1 of 2 labs began"); skipped != (name == "several") {
				t.Errorf("%s: %s", name, said)
			}
			isInterrupted(t, name, folder)
		})
	}
}

// isInterrupted holds the files of an interrupted run to saying so.
func isInterrupted(t *testing.T, name, folder string) {
	t.Helper()
	file := map[string]string{"sweep": "sweep.json", "several": "loss/result.json"}[name]
	if file == "" {
		file = "result.json"
	}
	b, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Interrupted bool
		Measured    int
		Runs        []struct{ Emitted, Unexplained int }
	}
	if err := json.Unmarshal(b, &r); err != nil || !r.Interrupted || name != "sweep" && len(r.Runs) == 0 || name == "sweep" && r.Measured < 2 {
		t.Errorf("%s says %+v, %v", file, r, err)
	}
	for i, u := range r.Runs {
		if i == 0 && u.Emitted == 0 || u.Emitted == 500_000 || u.Unexplained > 0 {
			t.Errorf("run %d: %+v", i, u)
		}
	}
	out, err := os.ReadFile(filepath.Join(folder, "stdout"))
	if err != nil || !strings.Contains(string(out), "INTERRUPTED") {
		t.Errorf("%v: %s", err, out)
	}
	junit, err := os.ReadFile(filepath.Join(folder, "junit.xml"))
	if err != nil || name != "sweep" && !strings.Contains(string(junit), "interrupted") || name == "several" && !strings.Contains(string(junit), "not begun") {
		t.Errorf("%v: %s", err, junit)
	}
}
