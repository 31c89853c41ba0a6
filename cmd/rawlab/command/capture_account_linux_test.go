package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rawlab/framing"
)

// TestCaptureAccountLive: of a live capture, an event whose datagram came to a
// port without a socket is told as refused and another as never seen; the log
// is written meanwhile, and is not finished when the capture ends.
func TestCaptureAccountLive(t *testing.T) {
	program := buildRawlab(t)
	log := filepath.Join(t.TempDir(), "publisher.log")
	sent := eventFrame(t, framing.KindEmit, framing.FlagCRC, 1, 1, "nobody is there")
	var lines strings.Builder
	for s := 1; s <= 3; s++ {
		fmt.Fprintf(&lines, `{"origin":"1","sequence":%d,"time":"2026-01-01T00:00:00Z","topic":"news","bytes":15}`+"\n", s)
	}
	var octets strings.Builder
	for _, b := range sent {
		fmt.Fprintf(&octets, `\x%02x`, b)
	}
	send := `printf '` + octets.String() + `' > /dev/udp/127.0.0.1/9700; printf %s "$LINES_OF_LOG" > "$LOG"`
	cmd := exec.Command(program, "capture", "-i", "lo", "--account", log, "--json", "--in-namespace", "bash", "-c", send)
	cmd.Env = append(os.Environ(), "LOG="+log, "LINES_OF_LOG="+lines.String()[:lines.Len()-20])
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var a account
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if a.Emitted != 2 || a.Together["refused"] != 1 || a.Together["never seen"] != 1 || len(a.Places) != 1 || a.Places[0].Name != "lo" || a.Places[0].Never != "1:2" {
		t.Errorf("account %s", out)
	}
	if !strings.Contains(strings.Join(a.Unknown, "; "), "the log's last line is unfinished") {
		t.Errorf("nothing is said of the unfinished line: %s", out)
	}
}

// TestCaptureAccountNowhere: a log that can never be written is told before
// the capture begins.
func TestCaptureAccountNowhere(t *testing.T) {
	out, err := exec.Command(buildRawlab(t), "capture", "--account", filepath.Join(t.TempDir(), "none", "log"), "--in-namespace", "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no such file or directory") || strings.Contains(string(out), "listening") {
		t.Errorf("%v: %s", err, out)
	}
}
