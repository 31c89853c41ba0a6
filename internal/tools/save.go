package tools

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rawlab/capture/pcapng"
)

// Save writes packets of a link type into a capture file, which it names. A
// packet without a time comes a millisecond after the one before.
func Save(t testing.TB, linkType uint16, packets ...pcapng.Packet) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "packets.pcapng")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := pcapng.NewWriter(out, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{LinkType: linkType}); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_893_553_445, 0)
	for i := range packets {
		p := packets[i]
		if at = at.Add(time.Millisecond); p.Time.IsZero() {
			p.Time = at
		}
		at, p.Length = p.Time, max(p.Length, len(p.Data))
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file
}

// SaveData is [Save] for packets of which nothing matters but their bytes.
func SaveData(t testing.TB, linkType uint16, data ...[]byte) (file string) {
	t.Helper()
	packets := make([]pcapng.Packet, len(data))
	for i, b := range data {
		packets[i].Data = b
	}
	return Save(t, linkType, packets...)
}
