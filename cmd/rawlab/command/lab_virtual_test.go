package command_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLabRunsOnVirtualHosts(t *testing.T) {
	cmd := rawlab(t, "lab", "run", "loss", "--backend", "virtual", "--events", "500", "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	var r struct {
		Backend      string
		Reproducible bool
		Runs         []struct{ Emitted, Delivered, Unexplained int }
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("stdout is no JSON object: %v: %.100s", err, out)
	}
	if r.Backend != "virtual" || !r.Reproducible || len(r.Runs) != 2 || r.Runs[0].Delivered != 500 {
		t.Errorf("result %+v", r)
	}
}

// TestLabPassesOnTheExitCode: a usage error is the outer process's, a check
// that does not hold the inner one's.
func TestLabPassesOnTheExitCode(t *testing.T) {
	for args, want := range map[string]int{
		"lab run layers --backend cloud":                      2,
		"lab run layers --backend virtual --size 99K":         2,
		"lab run layers --backend virtual":                    0,
		"lab run layers --backend virtual -o /dev/null/nodir": 1,
	} {
		cmd := rawlab(t, strings.Fields(args)...)
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d", args, got, want)
		}
	}
}

// bundle reads the files of a bundle.
func bundle(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"result.json", "ledger.csv", "capture.pcapng"} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	return files
}

// TestAMinuteOfNetworkTakesAMoment runs the loss lab for 60 s of the hosts'
// time.
func TestAMinuteOfNetworkTakesAMoment(t *testing.T) {
	began := time.Now()
	events, pace := "20000", "333.333"
	if testing.Short() {
		events, pace = "1000", "16.6667"
	}
	out, err := rawlab(t, "lab", "run", "loss", "--backend", "virtual", "--events", events, "--pace", pace).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if took := time.Since(began); took > 55*time.Second { // far more than it takes, so that a busy machine does not fail
		t.Errorf("60 s of network took %v", took)
	}
}
