package capture_test

import (
	"bytes"
	"errors"
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
