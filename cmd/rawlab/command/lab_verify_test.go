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
	"reader-delay": "1.5ms", "rcvbuf": "16K", "reliability": "ack", "congestion": "cubic", "fragments": "own", "cc": "reno",
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

// TestCatalogueVerifies: the bundle of every lab, however many runs it has,
// is the same when it is made again.
func TestCatalogueVerifies(t *testing.T) {
	for _, l := range labs.Catalog {
		if testing.Short() && l != labs.MissedEvent && l != labs.Handshake && l != labs.Reorder {
			continue
		}
		folder := t.TempDir()
		args := []string{"lab", "run", l.Name, "--backend", "virtual", "-o", "result"}
		if slices.Contains(l.Takes, "events") {
			args = append(args, "--events", "150")
		}
		if _, said, code := inFolder(t, folder, args...); code != 0 && code != 3 { // so few events may not bear a claim out
			t.Errorf("%s: run: %d %s", l.Name, code, said)
			continue
		}
		if _, said, code := inFolder(t, folder, "lab", "verify", "result"); code != 0 {
			t.Errorf("%s: verify: %d %s", l.Name, code, said)
		}
	}
}

// TestFromFileOverCommandLine: a file's options hold, the command line's hold
// more, a run's own most.
func TestFromFileOverCommandLine(t *testing.T) {
	folder := t.TempDir()
	text := "question: q\nlink: {loss: 100%}\ntraffic: {events: 50, pace: 1000}\nruns:\n- transport: udp\n- {transport: udp, name: all, loss: 0%}\n" +
		"checks: [udp.emitted == 60, udp.lost == 0, udp/all.lost == 0]\n"
	if err := os.WriteFile(filepath.Join(folder, "own.yaml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, said, code := inFolder(t, folder, "lab", "run", "own.yaml", "--backend", "virtual", "--events", "60", "--loss", "0"); code != 0 {
		t.Errorf("with options: %d %s%s", code, out, said)
	}
	if out, _, code := inFolder(t, folder, "lab", "run", "own.yaml", "--backend", "virtual"); code != 3 || !strings.Contains(out, "FAILED  udp.emitted == 60 (50 == 60)") || !strings.Contains(out, "held    udp/all.lost == 0") {
		t.Errorf("without: %d %s", code, out)
	}
	for flag, want := range map[string]string{
		"--predict":         "--predict: lab own asks for nothing; give its file a 'predict:'",
		"--loss=2x":         "--loss",
		"--transport=tcp":   "lab own does not take --transport",
		"--backend=nowhere": "--backend nowhere: must be auto, kernel or virtual",
	} {
		if _, said, code := inFolder(t, folder, "lab", "run", "own.yaml", flag); code != 2 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %s", flag, code, said, want)
		}
	}
	for change, want := range map[string]string{
		"events: fifty": "bad.yaml:3:19: invalid argument \"fifty\" for \"--events\" flag: want a whole number",
		"events: 0":     "bad.yaml:3:19: lab bad: --events 0: must be 1 to 2000000",
		`events: "1,2"`: "bad.yaml:3:19: --events: several values; a file has one of each option",
		"size: 99M":     "bad.yaml:3:17: lab bad: --size 103809024: must be 0 to 60000 bytes",
	} {
		bad := strings.Replace(text, "events: 50", change, 1)
		if err := os.WriteFile(filepath.Join(folder, "bad.yaml"), []byte(bad), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, said, code := inFolder(t, folder, "lab", "run", "bad.yaml", "--backend", "virtual"); code != 2 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %s", change, code, said, want)
		}
	}
}
