package pcapng_test

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/pcapng"
	"rawlab/internal/tools"
)

// rich is everything a file may hold, in two sections of different byte order.
type rich struct {
	Sections   []pcapng.Section
	Interfaces []pcapng.Interface
	Packets    []pcapng.Packet
	Stats      []pcapng.Stats
	Names      []pcapng.Name
	Blocks     []pcapng.Block
}

func newRich() *rich {
	r := &rich{
		Sections: []pcapng.Section{
			{Application: "rawlab", Comment: "first", Options: []pcapng.Option{{Code: 0x8001, Value: []byte("own")}}},
			{OS: "Solaris", BigEndian: true},
		},
		Names: []pcapng.Name{
			{netip.MustParseAddr("10.77.0.2"), []string{"server", "server.lab"}}, {netip.MustParseAddr("fd77::2"), []string{"server6"}},
		},
	}
	for section, s := range r.Sections {
		value := []byte{1, 0, 0, 0, 0, 0, 0, 0} // if_speed
		if s.BigEndian {
			value = []byte{0, 0, 0, 0, 0, 0, 0, 1}
		}
		r.Interfaces = append(r.Interfaces, pcapng.Interface{
			Name: fmt.Sprint("eth", section), LinkType: pcapng.LinkEthernet, SnapLen: 64, Section: section, Options: []pcapng.Option{{Code: 8, Value: value}},
		})
		r.Packets = append(r.Packets, pcapng.Packet{
			Interface: section, Time: start, Data: bytes.Repeat([]byte{1}, 61), Length: 90, Flags: pcapng.FlagInbound, Dropped: uint64(section + 7),
			Comments: []string{"lost"}, Options: []pcapng.Option{pcapng.Verdict(pcapng.VerdictHardware, []byte{2, 3})},
		}, pcapng.Packet{Interface: section, Time: time.Unix(0, 0).UTC(), Data: bytes.Repeat([]byte{2}, 64), Length: 80})
		r.Stats = append(r.Stats, pcapng.Stats{
			Interface: section, Time: start, Start: start, Received: 9, Dropped: 8, Accepted: 7, SystemDropped: pcapng.Unknown, Delivered: 5,
			Options: []pcapng.Option{{Code: 1, Value: []byte("a comment")}},
		})
		r.Blocks = append(r.Blocks, pcapng.Block{Type: 0x40000bad, Section: section, BigEndian: s.BigEndian, Body: []byte{1, 2, 3, 4}})
	}
	return r
}

// bytes writes it; the second packet of each section as a simple one.
func (r *rich) bytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := pcapng.NewWriter(&b, r.Sections[0])
	must(err)
	for section := range r.Sections {
		if section > 0 {
			must(w.StartSection(r.Sections[section]))
		} else {
			must(w.WriteNames(r.Names))
		}
		_, err := w.AddInterface(r.Interfaces[section])
		must(err)
		must(w.WritePacket(&r.Packets[2*section]))
		simple := r.Packets[2*section+1]
		must(w.WriteSimple(simple.Data, simple.Length))
		must(w.WriteBlock(r.Blocks[section]))
		must(w.WriteStats(&r.Stats[section]))
	}
	must(w.Flush())
	return b.Bytes()
}

// readRich reads a whole file, first block to last.
func readRich(t testing.TB, file []byte) *rich {
	t.Helper()
	reader, err := pcapng.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	got := &rich{}
	reader.OnBlock(func(b pcapng.Block) error {
		switch b.Type {
		case pcapng.BlockStatistics:
			s, err := reader.Stats(b)
			got.Stats = append(got.Stats, s)
			return err
		case pcapng.BlockNames:
			names, err := reader.Names(b)
			got.Names = append(got.Names, names...)
			return err
		}
		b.Body = bytes.Clone(b.Body)
		got.Blocks = append(got.Blocks, b)
		return nil
	})
	if got.Packets, err = readAll(reader); err != io.EOF {
		t.Fatal(err)
	}
	got.Interfaces, got.Sections = reader.Interfaces(), reader.Sections()
	return got
}

func TestEverythingComesBack(t *testing.T) {
	want := newRich()
	got := readRich(t, want.bytes(t))
	equalAddr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if d := cmp.Diff(want, got, equalAddr); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for kind, value := range got.Packets[0].Verdicts() {
		if kind != pcapng.VerdictHardware || !bytes.Equal(value, []byte{2, 3}) {
			t.Errorf("verdict %d %v, want what was written", kind, value)
		}
	}
}

// A block cannot go where its numbers would be misread.
func TestWriterKeepsByteOrders(t *testing.T) {
	w, err := pcapng.NewWriter(io.Discard, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteBlock(pcapng.Block{Type: 9, BigEndian: true}); err == nil {
		t.Error("a big-endian block was written into a little-endian section")
	}
	if _, err := w.AddInterface(pcapng.Interface{}); err != nil {
		t.Fatal(err)
	}
	if err := w.StartSection(pcapng.Section{}); err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(&pcapng.Packet{}); err == nil {
		t.Error("a packet of an earlier section's interface was written")
	}
}

// TestTsharkReadsEverything holds every field against tshark's reading of it.
// To tshark a block of unknown type is a packet without bytes.
func TestTsharkReadsEverything(t *testing.T) {
	tshark := tools.Find(t, "tshark")
	want := newRich()
	file := filepath.Join(t.TempDir(), "rich.pcapng")
	if err := os.WriteFile(file, want.bytes(t), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-n", "-r", file, "-Y", "frame.cap_len > 0", "-T", "fields", "-E", "separator=|", "-E", "aggregator=+",
		"-e", "frame.section_number", "-e", "frame.interface_id", "-e", "frame.cap_len", "-e", "frame.len",
		"-e", "frame.packet_flags_direction", "-e", "frame.drop_count", "-e", "frame.verdict.hw", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, p := range want.Packets {
		direction, dropped, verdict := "", "", ""
		if p.Flags != 0 {
			direction, dropped, verdict = "0x00000001", fmt.Sprint(p.Dropped), "02 03"
		}
		section := want.Interfaces[p.Interface].Section
		fmt.Fprintf(&lines, "%d|0|%d|%d|%s|%s|%s|%s\n", section+1, len(p.Data), p.Length, direction, dropped, verdict, strings.Join(p.Comments, "+"))
	}
	if d := cmp.Diff(lines.String(), string(out)); d != "" {
		t.Errorf("tshark's fields (-want +got):\n%s", d)
	}
}
