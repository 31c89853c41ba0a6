package command_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rawlab/cmd/rawlab/command"
)

// account is what 'capture --account --json' prints.
type account struct {
	Emitted     int
	SendRefused int `json:"send_refused"`
	Together    map[string]int
	Places      []struct {
		Name   string
		Events map[string]int
		Never  string `json:"never_seen"`
	}
	Unknown []string
}

// publisherLog writes a log of n events of origin 1, the last of which the
// kernel refused.
func publisherLog(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for s := 1; s <= n; s++ {
		fmt.Fprintf(&b, `{"origin":"1","sequence":%d,"time":"2026-01-01T00:00:00Z","topic":"lab","bytes":128}`+"\n", s)
	}
	fmt.Fprintf(&b, `{"origin":"1","sequence":%d,"time":"2026-01-01T00:00:00Z","topic":"lab","bytes":128,"refused":"no"}`+"\n", n+1)
	path := filepath.Join(t.TempDir(), "publisher.log")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A lab knows better what became of its events than any tap: what the taps
// tell of them must agree.
func TestCaptureAccountAgreesWithALab(t *testing.T) {
	const events = 300
	dir := filepath.Join(t.TempDir(), "bundle")
	out, err := rawlab(t, "lab", "run", "loss", "--backend", "virtual", "--events", fmt.Sprint(events), "--json", "-o", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var lab struct {
		Runs []struct{ Emitted, Delivered int }
	}
	if err := json.Unmarshal(out, &lab); err != nil {
		t.Fatal(err)
	}
	delivered := lab.Runs[1].Delivered
	code, stdout, stderr := runCapture(t, nil, "-r", filepath.Join(dir, "capture.pcapng"), "--account", publisherLog(t, events), "--json", "udp")
	var a account
	if err := json.Unmarshal([]byte(stdout), &a); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if a.Emitted != events+1 || a.SendRefused != 1 || a.Together["forwarded"] < delivered {
		t.Errorf("account %+v", a)
	}
	at := map[string]map[string]int{}
	for _, p := range a.Places {
		at[p.Name] = p.Events
	}
	client, server := at["client-udp"], at["server-udp"]
	if client["forwarded"] != delivered || client["whole"] != events-delivered {
		t.Errorf("at the client %v, the lab delivered %d of %d", client, delivered, events)
	}
	if server["never seen"] == 0 || server["forwarded"] != events-server["never seen"] {
		t.Errorf("at the server %v, which forwards what it gets", server)
	}
	code, stdout, _ = runCapture(t, nil, "-r", filepath.Join(dir, "capture.pcapng"), "--account", publisherLog(t, events), "tcp")
	if code != 0 || !strings.Contains(stdout, "301 emitted = 1 not sent (send-refused) + 300 forwarded by the server\n") {
		t.Errorf("over TCP: %d %s", code, stdout)
	}
}

// TestCaptureAccountRefuses: a log that is none is told by line.
func TestCaptureAccountRefuses(t *testing.T) {
	file := eventFile(t)
	dir := t.TempDir()
	for content, want := range map[string]string{
		"hello\n":                            "log:1: invalid character",
		`{"origin":"x","sequence":1}` + "\n": `log:1: origin "x": not a number`,
		`{"origin":"1"}` + "\n":              "log:1: no sequence, and not refused",
		`{"origin":"1","sequence":1}` + "\n" + `{"origin":"1","sequence":1}` + "\n": "log:2: event 1:1 is in line 1 already",
	} {
		path := filepath.Join(dir, "log")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := runCapture(t, nil, "-r", file, "--account", path); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, %s", content, code, stderr)
		}
	}
	for path, want := range map[string]string{dir: dir + " is a folder: name the log", filepath.Join(dir, "none"): "none: no such file or directory"} {
		if code, _, stderr := runCapture(t, nil, "-r", file, "--account", path); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, %s", path, code, stderr)
		}
	}
	if code, _, stderr := runCapture(t, nil, "-r", file, "--account", "x", "-q"); code != 2 || !strings.Contains(stderr, "--account counts events") {
		t.Errorf("with -q: exit code %d, %s", code, stderr)
	}
}

// FuzzLog: what an emitter never wrote is refused by its line, and what is
// taken is no more than there are lines.
func FuzzLog(f *testing.F) {
	for _, log := range []string{
		"", "{}", `{"origin":"1","sequence":1,"time":"2026-01-01T00:00:00Z","topic":"lab","bytes":128}` + "\n{",
		`{"origin":"1","sequence":0,"refused":"no"}` + "\n" + `{"origin":"1","sequence":0,"refused":"no"}`, `{"origin":"18446744073709551616"}`,
	} {
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, log string) {
		events, unfinished, err := command.ParseLog(strings.NewReader(log))
		if err != nil {
			if line, _, ok := strings.Cut(err.Error(), ": "); !ok || strings.Trim(line, "0123456789") != "" || events != 0 {
				t.Errorf("%d events, %v, want the line before it", events, err)
			}
			return
		}
		lines := strings.Count(log, "\n")
		if !strings.HasSuffix(log, "\n") && log != "" && !unfinished {
			lines++
		}
		if events != lines {
			t.Errorf("%d events in %d lines (unfinished: %t)", events, lines, unfinished)
		}
	})
}
