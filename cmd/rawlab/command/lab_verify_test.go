package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rawlab/cmd/rawlab/command"
	"rawlab/labs"
)

// inFolder runs the program in a folder and returns what it said, and its exit
// code.
func inFolder(t *testing.T, folder string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := rawlab(t, args...)
	cmd.Dir = folder
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestLabFromNothing goes a teacher's whole way: a new lab, a run, a bundle
// that verifies, and one that does not any more.
func TestLabFromNothing(t *testing.T) {
	folder := t.TempDir()
	if out, said, code := inFolder(t, folder, "lab", "new", "evening"); code != 0 || !strings.Contains(out, "evening.yaml written") {
		t.Fatalf("new: %d %s%s", code, out, said)
	}
	if _, said, code := inFolder(t, folder, "lab", "new", "evening"); code != 1 || !strings.Contains(said, "evening.yaml is there already") {
		t.Errorf("new, again: %d %s", code, said)
	}
	out, said, code := inFolder(t, folder, "lab", "run", "evening.yaml", "--events", "400", "--seed", "3", "-o", "result")
	if code != 0 || !strings.Contains(out, "held    TCP delivers every event") {
		t.Fatalf("run: %d %s%s", code, out, said)
	}
	if out, said, code = inFolder(t, folder, "lab", "verify", "result"); code != 0 || !strings.Contains(out, "result is the same again: lab evening, seed 3") {
		t.Fatalf("verify: %d %s%s", code, out, said)
	}
	for name, c := range map[string]struct{ file, old, now, want string }{
		"fate":    {"ledger.csv", ",delivered,", ",wire-loss,", "result.json against ledger.csv, tcp, delivered: the bundle has 400, and should have 399"},
		"packets": {"ledger.csv", ",3,,", ",4,,", "ledger.csv:"},
		"seed":    {"scenario.yaml", "seed: 3", "seed: 4", "result.json:3: the bundle has '\"seed\": 3,', and should have '\"seed\": 4,'"},
		"delay":   {"scenario.yaml", "delay: 10ms", "delay: 11ms", "result.json:"},
		"comment": {"capture.pcapng", "event 1:9; passed", "event 1:8; passed", "capture.pcapng, packet "},
		"digest":  {"result.json", "\"lost_digest\": \"", "\"lost_digest\": \"0", "lost_digest"},
		"heading": {"scenario.yaml", "What this bundle", "Which this bundle", "scenario.yaml:1: "},
	} {
		path := filepath.Join(folder, "result", c.file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(whole, []byte(c.old)) {
			t.Fatalf("%s: %s has no %q", name, c.file, c.old)
		}
		if err := os.WriteFile(path, bytes.Replace(whole, []byte(c.old), []byte(c.now), 1), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, said, code := inFolder(t, folder, "lab", "verify", "result"); code != 3 || !strings.Contains(said, c.want) {
			t.Errorf("verify, another %s: %d %s%s, want %s", name, code, out, said, c.want)
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyRefuses what is no bundle.
func TestVerifyRefuses(t *testing.T) {
	folder := t.TempDir()
	if _, said, code := inFolder(t, folder, "lab", "run", "layers", "--backend", "virtual", "-o", "result"); code != 0 {
		t.Fatal(said)
	}
	if _, said, code := inFolder(t, folder, "lab", "verify", "nowhere"); code != 2 || !strings.Contains(said, "nowhere") {
		t.Errorf("a folder that is not there: %d %s", code, said)
	}
	if _, said, code := inFolder(t, folder, "lab", "verify", "."); code != 2 || !strings.Contains(said, ". is no bundle: it has no result.json") {
		t.Errorf("a folder that is no bundle: %d %s", code, said)
	}
	for name, c := range map[string]struct{ file, text, want string }{
		"cut result":    {"result.json", "{\"lab\": \"lay", "result.json is damaged, or of something else: unexpected EOF"},
		"other result":  {"result.json", "{\"ok\": true}", "result.json is no lab's"},
		"cut ledger":    {"ledger.csv", "origin,sequence,transport,fate,latency_us,packets,variant,reliability\n1,1,tc", "ledger.csv is damaged"},
		"other ledger":  {"ledger.csv", "a,b\n", "ledger.csv is no ledger of a lab"},
		"no scenario":   {"scenario.yaml", "", "it has no scenario.yaml: parts of the bundle are missing, or an older rawlab wrote it"},
		"bad scenario":  {"scenario.yaml", "from: layerss\n", "scenario.yaml:1:7: from: 'layerss' is none of"},
		"other hosts":   {"scenario.yaml", "from: layers\n", "scenario.yaml: backend: want the hosts that it was run on"},
		"other options": {"scenario.yaml", "from: layers\nhosts: {backend: virtual}\nlink: {loss: 3%}\n", "scenario.yaml:3:14: lab scenario does not take --loss"},
	} {
		path := filepath.Join(folder, "result", c.file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if c.text == "" {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, []byte(c.text), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out, said, code := inFolder(t, folder, "lab", "verify", "result"); code == 0 || code == 3 || !strings.Contains(said, c.want) {
			t.Errorf("verify, %s: %d %s%s, want %s", name, code, out, said, c.want)
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// others are values that are no lab's own.
var others = map[string]string{
	"events": "77", "size": "99", "pace": "333.25", "loss": "gemodel 1.5% 10%", "delay": "13ms", "jitter": "3ms",
	"distribution": "normal", "reorder": "25% gap 5", "duplicate": "0.7%", "corrupt": "1% payload", "rate": "9mbit",
	"queue": "64kb", "aqm": "codel", "up": "loss 0.1% delay 11ms", "down": "none delay 1.5ms; 3s; 1s down; once",
	"schedule": "3s; 2s loss 30%", "rule": "udp port 9700 to-server: loss 3%", "seed": "18446744073709551615", "ipv6": "true",
	"reader-delay": "1.5ms", "rcvbuf": "16K", "reliability": "ack", "congestion": "cubic", "fragments": "own",
	"transport": "udp", "tcp-info": "70ms", "kernel-reasons": "false", "patience": "7s",
}

// TestScenariosSayAll: the scenario of a bundle has every option of every
// lab, whether it is the lab's own, or was given.
func TestScenariosSayAll(t *testing.T) {
	for _, l := range labs.Catalog {
		same := func(args ...string) {
			t.Helper()
			first, again, err := command.Again(l.Name, args)
			if err != nil || !reflect.DeepEqual(first, again) {
				t.Errorf("lab %s %q: %v\n first %+v\n again %+v", l.Name, args, err, first, again)
			}
		}
		same()
		var all []string
		for _, name := range l.Takes {
			if !labs.Sayable(name) {
				t.Errorf("lab %s: a scenario cannot say --%s: labs.Words does not know it", l.Name, name)
				continue
			}
			arg := "--" + name + "=" + others[name]
			if name == "congestion" && slices.Contains(l.Takes, "reliability") {
				all = append(all, arg)
				same("--reliability=ack", arg)
				continue
			}
			same(arg)
			if name != "aqm" { // which the lab bufferbloat sets itself
				all = append(all, arg)
			}
		}
		same(all...)
	}
}
