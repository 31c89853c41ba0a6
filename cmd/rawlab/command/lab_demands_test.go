package command_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lab runs rawlab lab run on virtual hosts and returns stdout, stderr and the
// exit code.
func lab(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := rawlab(t, append([]string{"lab", "run", "--backend", "virtual"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestDemands runs two labs under conditions, one of which comes true.
func TestDemands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "junit.xml")
	stdout, stderr, code := lab(t, "loss", "duplicate", "--events", "400", "--json", "--junit", file,
		"--fail-on", "loss:udp.lost>1%", "--fail-on", "tcp.lost>0", "--fail-on", "loss:tcp.p99>9s")
	if code != 3 || !strings.Contains(stderr, "lab loss: 1 check did not hold\n  not udp.lost > 1% (") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	var all struct {
		Labs []struct {
			Lab    string
			Held   bool
			Result struct {
				Demands []struct {
					Claim string
					Held  bool
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatalf("%v: %.200s", err, stdout)
	}
	if len(all.Labs) != 2 || all.Labs[0].Held || !all.Labs[1].Held || len(all.Labs[0].Result.Demands) != 3 || len(all.Labs[1].Result.Demands) < 1 {
		t.Errorf("results %+v", all)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var junit struct {
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &junit); err != nil || junit.Failures != 1 || len(junit.Suites) != 2 || junit.Suites[0].Tests < 5 {
		t.Errorf("JUnit %+v, %v", junit, err)
	}
}

func TestDemandsAreRefused(t *testing.T) {
	for args, want := range map[string]string{
		"loss --events 100 --fail-on udp/akc.lost>1%":                    `run of lab loss "udp/akc" is not known`,
		"duplicate loss --events 100 --pace 9e3 --fail-on figures.odd>1": `figure of lab loss "odd" is not known`,
	} {
		_, stderr, code := lab(t, strings.Fields(args)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, want 2, and %q in: %s", args, code, want, stderr)
		}
	}
	for args, want := range map[string]string{
		"loss --fail-on udp.lots>1%":        `the nearest is "lost"`,
		"loss --fail-on bursts:udp.lost>1%": "lab bursts does not run here",
		"loss --junit":                      "flag needs an argument",
	} {
		if stderr, code := labRefused(t, args); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, want 2, and %q in: %s", args, code, want, stderr)
		}
	}
}
