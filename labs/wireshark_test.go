package labs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/labs"
)

// TestWiresharkReadsEveryLab holds our dissector for Wireshark against our own
// decoding: at every tap of every lab, both find the same frames.
func TestWiresharkReadsEveryLab(t *testing.T) {
	program, err := exec.LookPath("tshark")
	if err != nil && os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_TOOLS is set, but: %v", err)
	} else if err != nil {
		t.Skip(err)
	}
	catalog := labs.Catalog
	if testing.Short() {
		catalog = []*labs.Lab{labs.Loss} // virtual hosts are slow under the race detector
	}
	for _, l := range catalog {
		if l == labs.Corrupt || l == labs.Fragmentation {
			continue // what has lost bits or pieces, each program takes for something else
		}
		o := l.Defaults
		o.Events = min(o.Events, 200)
		for n, e := range runVirtual(t, l, o).Evidence {
			for i := range e.Taps {
				if l != labs.Loss && i != n%2 {
					continue // the other end saw the same frames, but for those that were lost
				}
				t.Run(fmt.Sprintf("%s %s %s tap %d", l.Name, e.Transport, e.Variant, i), func(t *testing.T) {
					t.Parallel()
					packets := e.Taps[i].Packets
					if d := cmp.Diff(assembled(packets), fromTshark(t, program, packets)); d != "" {
						t.Errorf("frames (-ours +tshark):\n%s", d)
					}
				})
			}
		}
	}
}

// assembled lists the frames that we find, as tshark's fields tell them.
func assembled(packets []account.Packet) (frames []string) {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	for i := range packets {
		a.Add(i+1, packets[i].Time, packets[i].Data)
	}
	for _, f := range a.Finish() {
		if f.Err == nil {
			frames = append(frames, fmt.Sprintf("%d %d %d %d %d", f.Kind, f.Origin, f.Sequence, f.Time, f.PayloadLength))
		}
	}
	slices.Sort(frames)
	return frames
}

func fromTshark(t *testing.T, program string, packets []account.Packet) (frames []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tap.pcapng")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := pcapng.NewWriter(file, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{LinkType: pcapng.LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	for i := range packets {
		if err := w.WritePacket(&pcapng.Packet{Time: packets[i].Time, Data: packets[i].Data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-X", "lua_script:../scripts/rawlab.lua", "-n", "-r", path, "-o", "tcp.reassemble_out_of_order:TRUE",
		"-Y", "rawlab", "-T", "fields", "-e", "rawlab.kind", "-e", "rawlab.origin", "-e", "rawlab.seq", "-e", "rawlab.time_ns", "-e", "rawlab.payload_length").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i := range strings.Split(columns[0], ",") {
			var frame []string
			for _, c := range columns {
				frame = append(frame, strings.Split(c, ",")[i])
			}
			frames = append(frames, strings.Join(frame, " "))
		}
	}
	slices.Sort(frames)
	return frames
}
