package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rawlab/capture/pcapng"
	"rawlab/cmd/rawlab/command"
	"rawlab/framing"
)

// run runs one command line in this process.
func runCapture(t *testing.T, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = command.Main(t.Context(), append([]string{"capture"}, args...), bytes.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func TestCaptureUsage(t *testing.T) {
	whole := eventFile(t)
	for want, args := range map[string][]string{
		`filter "udp prot 9", column 5`:        {"udp", "prot", "9"},
		`column 6: 70000 is no port`:           {"-i", "lo", "port 70000"},
		"unknown shorthand flag: 'z'":          {"-z"},
		"unknown flag: --jsn":                  {"--jsn"},
		"needs a command behind it":            {"--in-namespace"},
		"leave out -i and --in-namespace":      {"-r", whole, "--in-namespace", "true"},
		"leave out --json and -X":              {"-w", "x", "--json"},
		"leave out -w and -X":                  {"-q", "-X"},
		"name one with -w":                     {"-C", "1"},
		"say with -C or -G":                    {"-w", "x", "-W", "3"},
		"is no size: want a number":            {"-w", "x", "-C", "1T"},
		"-c must be 0 or more":                 {"-c", "-1"},
		`invalid argument "x" for "-c`:         {"-c", "x"},
		"would overwrite the file":             {"-r", whole, "-w", whole},
		"filter \"tcp[0:3]=1\", column 7: a s": {"-r", whole, "tcp[0:3]=1"},
	} {
		code, stdout, stderr := runCapture(t, nil, args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("capture %q: exit %d, stdout %q, stderr %q, want 2 and %q", args, code, stdout, stderr, want)
		}
	}
}

// eventFile writes a capture of three UDP datagrams, each with one event,
// the second with a comment.
func eventFile(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{Name: "client", LinkType: pcapng.LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1<<63 + 5, Sequence: uint64(i + 1), Topic: []byte("news"), Payload: []byte("hello")}
		payload, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := pcapng.Packet{Time: time.Unix(1_700_000_000, int64(i)), Data: udpFrame(40000+i, 9700, payload)}
		if i == 1 {
			p.Comments = []string{"wire-loss: ends here"}
		}
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events.pcapng")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// udpFrame builds an Ethernet frame with UDP over IPv4; no checksums.
func udpFrame(source, target int, payload []byte) []byte {
	n := len(payload)
	b := []byte{
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, byte((28 + n) >> 8), byte(28 + n), 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2,
		byte(source >> 8), byte(source), byte(target >> 8), byte(target), byte((8 + n) >> 8), byte(8 + n), 0, 0,
	}
	return append(b, payload...)
}

func TestCaptureReads(t *testing.T) {
	code, stdout, stderr := runCapture(t, nil, "-r", eventFile(t), "-X", "src port 40001")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	for _, want := range []string{
		" 10.77.0.1:40001 > 10.77.0.2:9700 udp, 87 bytes, emit 9223372036854775813:2 news (5 bytes) # wire-loss: ends here\n",
		"\t0x0000:  0200 0000 0002 0200 0000 0001 0800 4500  ..............E.\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if n := strings.Count(stdout, "10.77.0.1"); n != 1 {
		t.Errorf("%d packets printed, want 1", n)
	}
}

func TestCaptureReadsJSON(t *testing.T) {
	file, err := os.ReadFile(eventFile(t))
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runCapture(t, file, "-r", "-", "--json", "-c", "2")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != 0 || stderr != "" || len(lines) != 2 {
		t.Fatalf("exit %d, stderr %q, %d lines:\n%s", code, stderr, len(lines), stdout)
	}
	var got struct {
		Number    int
		Time      string
		Interface string
		Source    string `json:"src"`
		Protocol  string
		Length    int
		Frames    []struct{ Kind, Event, Topic string }
		Comments  []string
	}
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatal(err)
	}
	want := "{2 2023-11-14T22:13:20.000000001Z client 10.77.0.1:40001 udp 87 [{emit 9223372036854775813:2 news}] [wire-loss: ends here]}"
	if s := fmt.Sprint(got); s != want {
		t.Errorf("second line:\n got %s\nwant %s", s, want)
	}
}

// TestCaptureTruncated reads a file that is cut: all that is whole, then why not more.
func TestCaptureTruncated(t *testing.T) {
	path := eventFile(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-10); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runCapture(t, nil, "-r", path)
	if n := strings.Count(stdout, "\n"); code != 1 || n != 2 {
		t.Errorf("exit %d after %d packets, want 1 after 2", code, n)
	}
	if !strings.Contains(stderr, path+": the capture file is cut short") || !strings.Contains(stderr, "after 2 whole packets") {
		t.Errorf("stderr %q", stderr)
	}
	if code, stdout, stderr := runCapture(t, []byte("no capture at all"), "-r", "-"); code != 1 || stdout != "" || !strings.Contains(stderr, "standard input: bad capture file") {
		t.Errorf("garbage: exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestCaptureCopies(t *testing.T) {
	to := filepath.Join(t.TempDir(), "copy.pcapng")
	if code, stdout, stderr := runCapture(t, nil, "-r", eventFile(t), "-w", to, "not", "src", "port", "40000"); code != 0 || stdout+stderr != "" {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	_, stdout, _ := runCapture(t, nil, "-r", to)
	if n := strings.Count(stdout, "\n"); n != 2 || strings.Count(stdout, "# wire-loss") != 1 {
		t.Errorf("%d packets in the copy, want 2, one with its comment:\n%s", n, stdout)
	}
}

func TestCaptureListsInterfaces(t *testing.T) {
	code, stdout, _ := runCapture(t, nil, "-D")
	if code != 0 || !strings.Contains(stdout, "loopback") {
		t.Errorf("exit %d, stdout %q", code, stdout)
	}
}

// TestCaptureTally: the layers' bytes are all bytes.
func TestCaptureTally(t *testing.T) {
	file := eventFile(t)
	code, stdout, stderr := runCapture(t, nil, "-r", file, "-q")
	if code != 0 || !strings.HasPrefix(stdout, "3 packets of ") || !strings.HasSuffix(stdout, "one: 3 emit\n") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	var tally struct {
		Packets, Bytes int
		Layers         []struct {
			Name  string
			Bytes int
		}
		Frames map[string]int
	}
	_, stdout, _ = runCapture(t, nil, "-r", file, "-q", "--json")
	if err := json.Unmarshal([]byte(stdout), &tally); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, l := range tally.Layers {
		sum += l.Bytes
	}
	if tally.Packets != 3 || sum != tally.Bytes || sum == 0 || tally.Frames["emit"] != 3 {
		t.Errorf("%s: the layers have %d bytes", stdout, sum)
	}
	if code, stdout, _ := runCapture(t, nil, "-r", file, "-q", "tcp"); code != 0 || stdout != "no packets\n" {
		t.Errorf("no packets: exit %d, stdout %q", code, stdout)
	}
}
