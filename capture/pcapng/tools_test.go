package pcapng_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/pcapng"
	"rawlab/internal/tools"
)

func TestTsharkReadsOurs(t *testing.T) {
	tshark := tools.Find(t, "tshark")
	file := filepath.Join(t.TempDir(), "ours.pcapng")
	if err := os.WriteFile(file, write(t, pcapng.Section{Application: "rawlab"}, interfaces(), packets()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tshark, "-n", "-r", file, "-T", "fields", "-E", "separator=|", "-E", "aggregator=+",
		"-e", "frame.time_epoch", "-e", "frame.interface_name", "-e", "frame.cap_len", "-e", "frame.len", "-e", "frame.comment")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, p := range packets() {
		fmt.Fprintf(&want, "%d.%09d|%s|%d|%d|%s\n", p.Time.Unix(), p.Time.Nanosecond(), interfaces()[p.Interface].Name,
			len(p.Data), p.Length, strings.Join(p.Comments, "+"))
	}
	if d := cmp.Diff(want.String(), string(out)); d != "" {
		t.Errorf("tshark's fields (-want +got):\n%s", d)
	}
}

func TestCapinfosReadsOurs(t *testing.T) {
	capinfos := tools.Find(t, "capinfos")
	file := filepath.Join(t.TempDir(), "ours.pcapng")
	if err := os.WriteFile(file, write(t, pcapng.Section{Application: "rawlab"}, interfaces(), packets()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(capinfos, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"Wireshark/... - pcapng", "Capture application: rawlab", "Name = client", "Filter string = udp port 9700", "Number of stat entries = 1"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("capinfos does not say %q:\n%s", want, out)
		}
	}
}
