package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rawlab/labs/host"
)

// TestVerifyKernelHosts: of kernel hosts a bundle is the same if the wire took
// the same events; what a schedule's phases meet does not repeat, and verify
// says so.
func TestVerifyKernelHosts(t *testing.T) {
	if err := host.CanIsolate(); err != nil {
		if os.Getenv("RAWLAB_REQUIRE_NETNS") != "" {
			t.Fatalf("RAWLAB_REQUIRE_NETNS is set, but: %v", err)
		}
		t.Skip(err)
	}
	folder := t.TempDir()
	const lab = "question: q\nhosts: {backend: kernel}\nlink: {loss: 5%}\ntraffic: {events: 150, pace: 2000}\nruns: [{transport: udp}]\nchecks: [udp.lost > 0]\n"
	for name, text := range map[string]string{"plain.yaml": lab, "timed.yaml": lab + "# \n"} {
		if name == "timed.yaml" {
			text = strings.Replace(lab, "loss: 5%", "loss: 5%, schedule: [20ms, 10ms down]", 1)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, said, code := inFolder(t, folder, "lab", "run", name, "-o", strings.TrimSuffix(name, ".yaml")); code != 0 {
			t.Fatalf("run %s: %d %s%s", name, code, out, said)
		}
	}
	if _, said, code := inFolder(t, folder, "lab", "verify", "timed"); code != 1 || !strings.Contains(said, "timed cannot be verified, though its ledger agrees with its result") || !strings.Contains(said, "goes by the clock") {
		t.Errorf("verify with a schedule: %d %s", code, said)
	}
	if out, said, code := inFolder(t, folder, "lab", "verify", "plain"); code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), "which events the wire took") {
		t.Errorf("verify: %d %s%s", code, out, said)
	}
	path := filepath.Join(folder, "plain", "ledger.csv")
	ledger, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(ledger, []byte(",wire-loss,"), []byte(",no-socket,"), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, said, code := inFolder(t, folder, "lab", "verify", "plain"); code != 3 || !strings.Contains(said, "result.json against ledger.csv, udp, no-socket: the bundle has 0, and should have 1") {
		t.Errorf("verify, with another fate: %d %s", code, said)
	}
}
