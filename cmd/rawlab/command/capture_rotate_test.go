package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// TestCaptureRotates: a row of files holds every packet once, in order, each
// file is whole, and the last ones stay.
func TestCaptureRotates(t *testing.T) {
	var source bytes.Buffer
	w, err := pcapng.NewWriter(&source, pcapng.Section{Comment: "many"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{Name: "lo", LinkType: pcapng.LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	const packets = 100
	for i := range packets {
		p := pcapng.Packet{Time: time.Unix(int64(i), 0), Data: bytes.Repeat([]byte{byte(i)}, 100)}
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args  []string
		files []int // packets in each
	}{
		"by size":      {[]string{"-C", "3k"}, []int{23, 23, 23, 23, 8}}, // 132 bytes each
		"by time":      {[]string{"-G", "30"}, []int{30, 30, 30, 10}},
		"whatever":     {[]string{"-G", "30", "-C", "3K"}, []int{23, 23, 23, 23, 8}},
		"the last two": {[]string{"-G", "30", "-W", "2"}, []int{30, 10}},
		"enough":       {[]string{"-C", "1"}, []int{100}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.pcapng")
			code, stdout, stderr := runCapture(t, source.Bytes(), append([]string{"-r", "-", "-w", path}, c.args...)...)
			if code != 0 || stdout != "" {
				t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			if !strings.Contains(stderr, names[len(names)-1]) {
				t.Errorf("stderr %q does not name %s", stderr, names[len(names)-1])
			}
			var counts []int
			all := bytes.Buffer{}
			for _, name := range names {
				counts = append(counts, firstBytes(t, name, &all))
			}
			if d := cmp.Diff(c.files, counts); d != "" {
				t.Errorf("packets in %v (-want +got):\n%s", names, d)
			}
			for i, b := range all.Bytes() {
				if int(b) != packets-all.Len()+i {
					t.Fatalf("packet %d is number %d", i, b)
				}
			}
		})
	}
}

// firstBytes appends the first byte of each packet of a file to all.
func firstBytes(t *testing.T, path string, all *bytes.Buffer) (packets int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := capture.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range capture.Packets(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all.WriteByte(p.Data[0])
		packets++
	}
	if s := f.Sections(); len(s) != 1 || s[0].Comment != "many" {
		t.Errorf("%s has the sections %+v", path, s)
	}
	return packets
}
