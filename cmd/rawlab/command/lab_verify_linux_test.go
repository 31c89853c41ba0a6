package command_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rawlab/labs/host"
)

// TestVerifyKernelHosts: of kernel hosts a bundle is the same if the wire took
// the same events; what a schedule's phases meet does not repeat, and verify
// says so.
func TestVerifyKernelHosts(t *testing.T) {
	needHosts(t)
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

func needHosts(t *testing.T) {
	t.Helper()
	if err := host.CanIsolate(); err != nil {
		if os.Getenv("RAWLAB_REQUIRE_NETNS") != "" {
			t.Fatalf("RAWLAB_REQUIRE_NETNS is set, but: %v", err)
		}
		t.Skip(err)
	}
}

// changeResult rewrites a bundle's result.
func changeResult(t *testing.T, file string, how func(result map[string]any, runs []any)) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	how(r, r["runs"].([]any))
	if b, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyRunByRun: a run that was disturbed may differ, and verify says so
// of it alone; one that was not has to be the same.
func TestVerifyRunByRun(t *testing.T) {
	needHosts(t)
	folder := t.TempDir()
	const lab = "question: q\nhosts: {backend: kernel}\nlink: {loss: 5%}\ntraffic: {events: 100, pace: 1000}\nruns: [{transport: udp}, {transport: udp, reliability: nack}]\n"
	if err := os.WriteFile(filepath.Join(folder, "own.yaml"), []byte(lab), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, said, code := inFolder(t, folder, "lab", "run", "own.yaml", "-o", "result"); code != 0 {
		t.Fatalf("run: %d %s%s", code, out, said)
	}
	file := filepath.Join(folder, "result", "result.json")
	changeResult(t, file, func(r map[string]any, runs []any) {
		nack := runs[1].(map[string]any)
		nack["doubts"], nack["lost_digest"] = []string{"a cat sat on the cable"}, strings.Repeat("0", 64)
		delete(runs[0].(map[string]any), "doubts")
		r["reproducible"], r["reasons"] = false, []string{"udp nack: a cat sat on the cable"}
	})
	out, said, code := inFolder(t, folder, "lab", "verify", "result")
	if words := strings.Join(strings.Fields(out), " "); code != 0 || !strings.Contains(words, "is the same again where it says that it repeats") || !strings.Contains(words, "udp the same udp nack differs, and may: a cat sat on the cable") {
		t.Errorf("with a disturbed run: %d %s%s", code, out, said)
	}
	changeResult(t, file, func(_ map[string]any, runs []any) { delete(runs[1].(map[string]any), "doubts") })
	changeResult(t, file, func(r map[string]any, runs []any) { r["reproducible"] = true })
	if out, said, code := inFolder(t, folder, "lab", "verify", "result"); code == 3 { // else it was disturbed now, three times
		if words := strings.Join(strings.Fields(out), " "); !strings.Contains(words, "udp the same udp nack differs: result.json, run udp nack, lost_digest") || !strings.Contains(said, "result does not match: result.json, run udp nack, lost_digest") {
			t.Errorf("with a run that is not disturbed: %s%s", out, said)
		}
	} else if code != 1 || !strings.Contains(said, "disturbed") {
		t.Errorf("with a run that is not disturbed: %d %s%s", code, out, said)
	}
}

// TestVerifyInterrupted: what was ended before its time is compared as far as
// it went, and refused where there is nothing.
func TestVerifyInterrupted(t *testing.T) {
	needHosts(t)
	folder := t.TempDir()
	const lab = "question: q\nhosts: {backend: kernel}\nlink: {loss: 20%}\ntraffic: {events: 900, pace: 450, subscribers: 2}\nruns: [{transport: udp}, {transport: udp, reliability: ack}]\nfail-on: [udp.emitted>1799]\n"
	if err := os.WriteFile(filepath.Join(folder, "own.yaml"), []byte(lab), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := rawlab(t, "lab", "run", "own.yaml", "-o", "result")
	cmd.Dir, cmd.SysProcAttr = folder, &syscall.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	cmd.Stdout = &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for began := ""; !strings.Contains(began, ": udp, 1800 events"); {
		if began, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("nothing began: %v", err)
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(lines); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if !strings.Contains(strings.Join(strings.Fields(told.String()), " "), "of 1,800 events") {
		t.Errorf("interrupted: %s", told.String())
	}
	out, said, code := inFolder(t, folder, "lab", "verify", "result")
	if words := strings.Join(strings.Fields(out), " "); code != 0 && !strings.Contains(said, "disturbed") || code == 0 && (!strings.Contains(words, "result is the same again as far as it went before it was ended") || !strings.Contains(words, "udp ack cannot be told: it was ended before its time")) {
		t.Errorf("verify: %d %s%s", code, out, said)
	}
	file := filepath.Join(folder, "result", "result.json")
	changeResult(t, file, func(r map[string]any, _ []any) { r["seed"], r["runs"] = 2, []any{} })
	if _, said, code := inFolder(t, folder, "lab", "verify", "result"); code != 2 || !strings.Contains(said, "lab own was ended before anything was measured: there is nothing to hold against") {
		t.Errorf("verify, nothing measured: %d %s", code, said)
	}
}
