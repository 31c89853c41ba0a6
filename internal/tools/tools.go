package tools

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Find returns where a program is that the test needs.
func Find(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_TOOLS is set, but: %v", err)
	} else if err != nil {
		t.Skip(err)
	}
	return path
}

// Tshark has tshark read a capture file and returns fields of every packet
// that it shows; several values of one are separated by semicolons. The
// options are tshark's, a filter (-Y) among them.
func Tshark(t testing.TB, file string, options []string, fields ...string) (rows [][]string) {
	t.Helper()
	args := append([]string{"-n", "-r", file, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"}, options...)
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command(Find(t, "tshark"), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.Contains(stderr.String(), "Lua") { // where a dissector fails, tshark goes on
		t.Fatalf("tshark: %v: %s", err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows
}
