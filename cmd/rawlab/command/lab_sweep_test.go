package command_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rawlab/cmd/rawlab/command"
)

// TestSweep runs a small one twice, in two processes.
func TestSweep(t *testing.T) {
	var files [2]map[string][]byte
	var texts [2]string
	for i := range files {
		folder := filepath.Join(t.TempDir(), "bundle")
		stdout, stderr, code := lab(t, "loss", "--events", "200", "--loss", "0,5,20%", "--repeat", "2", "-o", folder, "--fail-on", "udp.lost>30%")
		if code != 3 || !strings.Contains(stderr, "sweep of lab loss: 6 runs over loss 0%, 5%, 20%, 2 times each") || !strings.Contains(stderr, "loss 20%, seed 1: not udp.lost > 30% (") {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		texts[i], files[i] = stdout, map[string][]byte{}
		for _, name := range []string{"sweep.json", "sweep.csv", "report.html"} {
			b, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			files[i][name] = b
		}
	}
	if texts[0] != texts[1] || !bytes.Equal(files[0]["sweep.json"], files[1]["sweep.json"]) || !bytes.Equal(files[0]["sweep.csv"], files[1]["sweep.csv"]) || !bytes.Equal(files[0]["report.html"], files[1]["report.html"]) {
		t.Error("the same sweep again is another")
	}
	var s struct {
		Measured int
		Cells    []struct {
			Runs []struct {
				Measures map[string]struct{ Mean float64 }
			}
		}
	}
	if err := json.Unmarshal(files[0]["sweep.json"], &s); err != nil || s.Measured != 6 || len(s.Cells) != 3 {
		t.Fatalf("%v: %d runs, %d cells", err, s.Measured, len(s.Cells))
	}
	if lost := func(cell int) float64 { return s.Cells[cell].Runs[1].Measures["lost"].Mean }; lost(0) != 0 || lost(2) <= lost(1) || lost(1) == 0 {
		t.Errorf("UDP lost %v, %v, %v", lost(0), lost(1), lost(2))
	}
}

func TestSweepsAreRefused(t *testing.T) {
	for args, want := range map[string]string{
		"loss --loss 0,1,2% --delay 1,2ms --size 1,2": "at most 2 may vary at once",
		"loss --loss 0,,2%":                           "want a value on either side of each comma",
		"loss --loss 1,1%":                            "1% is there twice",
		"loss --loss 1,200%":                          "--loss",
		"loss --events 1,x":                           "--events",
		"loss --events 1,2 --repeat 501":              "more than the 1000 runs",
		"loss --repeat 0":                             "--repeat 0: must be 1 to 1000",
		"loss --repeat x":                             "want a whole number",
		"loss bursts --repeat 2":                      "one lab at a time",
		"loss --repeat 2 --predict":                   "--predict asks about one run",
		"loss --repeat 2 --measure los":               `the nearest is "lost"`,
		"layers --loss 1,2%":                          "lab layers does not take --loss",
		"loss --reliability ack,nak":                  `--reliability`,
		"loss --reliability ack,ack":                  "ack is there twice",
		"loss --transport tcp,sctp":                   "must be tcp or udp",
		"loss --cc reno,bbbr":                         "the nearest is",
		"loss --congestion newreno,cubic":             "add --reliability ack",
		"loss --loss 0,1% --fail-on udp.lost>1ms":     "lost wants a number",
	} {
		if stderr, code := labRefused(t, args); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, want 2, and %q in: %s", args, code, want, stderr)
		}
	}
	if _, stderr, code := lab(t, "loss", "--events", "9", "--repeat", "2", "-o", "/dev/null/here"); code != 1 || !strings.Contains(stderr, "bundle") {
		t.Errorf("a folder that cannot be: exit code %d: %s", code, stderr)
	}
}

// labRefused runs rawlab lab run in this process, which a usage error ends before
// another is started.
func labRefused(t *testing.T, args string) (stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command.Main(t.Context(), append([]string{"lab", "run", "--backend", "virtual"}, strings.Fields(args)...), nil, &out, &errs)
	return errs.String(), code
}
