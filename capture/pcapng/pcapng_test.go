package pcapng_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/pcapng"
)

var start = time.Unix(1_700_000_000, 123_456_789).UTC()

func interfaces() []pcapng.Interface {
	return []pcapng.Interface{
		{Name: "client", Description: "host client", Filter: "udp port 9700", LinkType: pcapng.LinkEthernet, SnapLen: 65535},
		{Name: "wire", LinkType: pcapng.LinkEthernet},
	}
}

// packets covers each length modulo 4, no, one and several comments, cut
// packets, and flags.
func packets() []pcapng.Packet {
	var ps []pcapng.Packet
	for n := range 9 {
		p := pcapng.Packet{Interface: n % 2, Time: start.Add(time.Duration(n)), Data: bytes.Repeat([]byte{byte(n + 1)}, 60+n), Length: 60 + n}
		for c := range n % 3 {
			p.Comments = append(p.Comments, strings.Repeat("lost on the wire ", c+1))
		}
		if n%4 == 3 {
			p.Length, p.Flags = 1500, pcapng.FlagOutbound
		}
		ps = append(ps, p)
	}
	return ps
}

func write(t testing.TB, section pcapng.Section, is []pcapng.Interface, ps []pcapng.Packet) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, section)
	if err != nil {
		t.Fatal(err)
	}
	for n, i := range is {
		if id, err := w.AddInterface(i); id != n || err != nil {
			t.Fatalf("AddInterface(%v) = %d, %v, want %d", i, id, err, n)
		}
	}
	for _, p := range ps {
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteStats(&pcapng.Stats{
		Time: start.Add(time.Second), Start: start, End: start.Add(time.Second), Received: 10, Dropped: 3,
		Accepted: pcapng.Unknown, SystemDropped: pcapng.Unknown, Delivered: pcapng.Unknown,
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll returns clones of every packet and the error that ended reading.
func readAll(r *pcapng.Reader) ([]pcapng.Packet, error) {
	var ps []pcapng.Packet
	for {
		p, err := r.Next()
		if err != nil {
			return ps, err
		}
		p.Data, p.Options = bytes.Clone(p.Data), cloneOptions(p.Options)
		ps = append(ps, p)
	}
}

func cloneOptions(options []pcapng.Option) []pcapng.Option {
	clone := slices.Clone(options)
	for i := range clone {
		clone[i].Value = bytes.Clone(clone[i].Value)
	}
	return clone
}

func TestRoundTrip(t *testing.T) {
	section := pcapng.Section{Hardware: "x86", OS: "Linux", Application: "rawlab", Comment: "seed 42"}
	r, err := pcapng.NewReader(bytes.NewReader(write(t, section, interfaces(), packets())))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(r)
	if err != io.EOF {
		t.Errorf("reading ended with %v, want io.EOF", err)
	}
	if d := cmp.Diff(packets(), got); d != "" {
		t.Errorf("packets (-want +got):\n%s", d)
	}
	if d := cmp.Diff(interfaces(), r.Interfaces()); d != "" {
		t.Errorf("interfaces (-want +got):\n%s", d)
	}
	if d := cmp.Diff(section, r.Section()); d != "" {
		t.Errorf("section (-want +got):\n%s", d)
	}
}

func TestSeveralSections(t *testing.T) {
	one := write(t, pcapng.Section{}, interfaces(), packets())
	r, err := pcapng.NewReader(bytes.NewReader(slices.Concat(one, one)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(r)
	if err != io.EOF || len(got) != 2*len(packets()) {
		t.Fatalf("read %d packets, %v, want %d, io.EOF", len(got), err, 2*len(packets()))
	}
	if id := got[len(packets())+1].Interface; id != 3 {
		t.Errorf("second section's second interface has index %d, want 3", id)
	}
	if n := len(r.Interfaces()); n != 4 {
		t.Errorf("%d interfaces, want 4", n)
	}
}

// TestCutAtEveryByte holds the reader to giving every whole packet of a cut
// file and saying where the cut block starts.
func TestCutAtEveryByte(t *testing.T) {
	whole := write(t, pcapng.Section{Application: "rawlab"}, interfaces(), packets())
	for size := range whole {
		got, err := read(whole[:size])
		if err == io.EOF {
			continue // cut between two blocks
		}
		cut, ok := errors.AsType[*pcapng.TruncatedError](err)
		if !ok {
			t.Fatalf("cut at %d: error %v, want a *TruncatedError", size, err)
		}
		if cut.Packets != len(got) || cut.Offset > int64(size) {
			t.Fatalf("cut at %d: %+v after %d packets", size, cut, len(got))
		}
		again, err := read(whole[:cut.Offset])
		if cut.Offset > 0 && (err != io.EOF || len(again) != len(got)) {
			t.Fatalf("cut at its offset %d, the file gives %d packets, %v, want %d, io.EOF", cut.Offset, len(again), err, len(got))
		}
	}
}

func read(b []byte) ([]pcapng.Packet, error) {
	r, err := pcapng.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return readAll(r)
}

func TestWriterRefuses(t *testing.T) {
	w, err := pcapng.NewWriter(io.Discard, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(&pcapng.Packet{}); err == nil {
		t.Error("a packet of an interface never added was written")
	}
	if _, err := w.AddInterface(pcapng.Interface{}); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]pcapng.Packet{
		"long comment": {Comments: []string{strings.Repeat("x", 1<<16)}},
		"huge packet":  {Data: make([]byte, pcapng.MaxBlock)},
	} {
		if _, ok := errors.AsType[*pcapng.SizeError](w.WritePacket(&p)); !ok {
			t.Errorf("%s: no *SizeError", name)
		}
	}
}

// TestWriterAllocatesNothing: what a live capture writes per packet.
func TestWriterAllocatesNothing(t *testing.T) {
	w, err := pcapng.NewWriter(io.Discard, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(interfaces()[0]); err != nil {
		t.Fatal(err)
	}
	p := pcapng.Packet{Time: start, Data: make([]byte, 170), Length: 170, Flags: pcapng.FlagInbound}
	for range 10_000 { // until the buffer is as large as it gets
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { w.WritePacket(&p) }); n != 0 {
		t.Errorf("WritePacket allocates %v times, want 0", n)
	}
}
