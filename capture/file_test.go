package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// TestFile reads a file that is cut: every whole packet comes, then the error.
func TestFile(t *testing.T) {
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	w.AddInterface(pcapng.Interface{Name: "lo", LinkType: pcapng.LinkEthernet})
	at := time.Unix(1, 2).UTC()
	for i := range byte(3) {
		w.WritePacket(&pcapng.Packet{Time: at, Data: []byte{i}, Length: 60, Flags: pcapng.FlagOutbound, Comments: []string{"lost"}})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := capture.NewFile(bytes.NewReader(b.Bytes()[:b.Len()-1]))
	if err != nil {
		t.Fatal(err)
	}
	var got []capture.Packet
	for p, err := range capture.Packets(t.Context(), f) {
		if cut, ok := errors.AsType[*pcapng.TruncatedError](err); ok && cut.Packets == 2 {
			continue
		} else if err != nil {
			t.Fatalf("error %v, want a *TruncatedError after 2 packets", err)
		}
		c := *p
		c.Data = bytes.Clone(p.Data)
		got = append(got, c)
	}
	want := []capture.Packet{
		{Time: at, Data: []byte{0}, Length: 60, Outgoing: true, Flags: pcapng.FlagOutbound, Comments: []string{"lost"}},
		{Time: at, Data: []byte{1}, Length: 60, Outgoing: true, Flags: pcapng.FlagOutbound, Comments: []string{"lost"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("packets (-want +got):\n%s", d)
	}
}

// TestCopyKeepsEverything: sections of either byte order, names, what was
// counted, and blocks that this program does not know survive a copy, though
// packets are left out.
func TestCopyKeepsEverything(t *testing.T) {
	at := time.Unix(1, 2000).UTC()
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Section{Application: "another", Comment: "one"})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	must(w.WriteNames([]pcapng.Name{{Address: netip.MustParseAddr("10.77.0.1"), Names: []string{"client"}}}))
	_, err = w.AddInterface(pcapng.Interface{Name: "lo", LinkType: pcapng.LinkEthernet, Filter: "udp"})
	must(err)
	for i := range byte(3) {
		must(w.WritePacket(&pcapng.Packet{
			Time: at, Data: []byte{i}, Length: 60, Dropped: 4, Options: []pcapng.Option{pcapng.Verdict(pcapng.VerdictXDP, []byte{i})},
		}))
	}
	must(w.WriteStats(&pcapng.Stats{Time: at, Received: 12, Dropped: 9}))
	must(w.StartSection(pcapng.Section{BigEndian: true, Comment: "two"}))
	must(w.WriteBlock(pcapng.Block{Type: 0xbad, BigEndian: true, Body: []byte{1, 2, 3, 4}}))
	_, err = w.AddInterface(pcapng.Interface{Name: "eth0", LinkType: pcapng.LinkEthernet})
	must(err)
	must(w.WritePacket(&pcapng.Packet{Interface: 1, Time: at, Data: []byte{9}, Length: 60}))
	must(w.WriteStats(&pcapng.Stats{Interface: 1, Time: at, Received: 1}))
	must(w.Flush())

	source, err := capture.NewFile(bytes.NewReader(b.Bytes()))
	must(err)
	var copied bytes.Buffer
	sink, err := capture.NewWriter(&copied, source, "port 7")
	must(err)
	_, err = capture.Run(t.Context(), source, sink, &capture.RunConfig{Filter: func(p *capture.Packet) (bool, error) { return p.Data[0] != 1, nil }})
	must(err)

	want, got := inventory(t, b.Bytes()), inventory(t, copied.Bytes())
	want = slices.DeleteFunc(want, func(s string) bool { return strings.HasPrefix(s, "packet of 1 bytes [1]") })
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], `filter "udp"`, `filter "(udp) and (port 7)"`)
		want[i] = strings.ReplaceAll(want[i], `filter ""`, `filter "port 7"`)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the copy (-want +got):\n%s", d)
	}
}

// inventory tells a file's content, a line for each thing.
func inventory(t *testing.T, file []byte) (lines []string) {
	t.Helper()
	r, err := pcapng.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	sections, interfaces := 0, 0
	describe := func() {
		for _, s := range r.Sections()[sections:] {
			say("section %+v", s)
			sections++
		}
		for _, i := range r.Interfaces()[interfaces:] {
			say("interface %s in %d, filter %q", i.Name, i.Section, i.Filter)
			interfaces++
		}
	}
	r.OnBlock(func(b pcapng.Block) error {
		describe()
		if b.Type == pcapng.BlockStatistics {
			s, err := r.Stats(b)
			say("stats %+v", s)
			return err
		}
		say("block %+v", b)
		return nil
	})
	for {
		p, err := r.Next()
		if err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		describe()
		say("packet of %d bytes %v at %v, %d, dropped %d, %v", len(p.Data), p.Data, p.Time, p.Interface, p.Dropped, p.Options)
	}
}
