package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFileDemands: what must not come true stands in the file, on the command
// line or in both; a bundle that was held against it verifies.
func TestFileDemands(t *testing.T) {
	folder := t.TempDir()
	const text = "question: q\nlink: {loss: 100%}\ntraffic: {events: 20, pace: 1000}\nruns: [{transport: udp}]\nfail-on:\n- udp.delivered>0\n- udp.lost>10%\n"
	if err := os.WriteFile(filepath.Join(folder, "own.yaml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	out, said, code := inFolder(t, folder, "lab", "run", "own.yaml", "--backend", "virtual", "--fail-on", "p99>9s", "--fail-on", "udp.emitted<20", "-o", "result")
	for _, want := range []string{"held    not udp.delivered > 0", "FAILED  not udp.lost > 10% (20, 100 %)", "FAILED  not udp.p99 > 9s", "held    not udp.emitted < 20"} {
		if code != 3 || !strings.Contains(out, want) {
			t.Errorf("run: %d, want %q\n%s%s", code, want, out, said)
		}
	}
	if out, said, code := inFolder(t, folder, "lab", "verify", "result"); code != 0 {
		t.Errorf("verify: %d %s%s", code, out, said)
	}
	if said, code := labRefused(t, filepath.Join(folder, "own.yaml")+" loss --fail-on other:tcp.lost>0"); code != 2 || !strings.Contains(said, "lab other does not run here") {
		t.Errorf("another lab: %d %s", code, said)
	}
	file := strings.Replace(text, "udp.lost>10%", "udp/nack.lost>10%", 1)
	file = strings.Replace(file, "question: q\nlink", "from: loss\nlink", 1)
	file = strings.Replace(file, "runs: [{transport: udp}]\n", "", 1)
	if err := os.WriteFile(filepath.Join(folder, "from.yaml"), []byte(file), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, said, code := inFolder(t, folder, "lab", "run", "from.yaml", "--backend", "virtual"); code != 2 || !strings.Contains(said, `from.yaml:6:3: fail-on: "udp/nack.lost>10%": run of lab from "udp/nack" is not known; the nearest is "udp"`) {
		t.Errorf("a run that the lab has not: %d %s", code, said)
	}
}
