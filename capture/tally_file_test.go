package capture

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// anyPacket returns one that is plain, or nearly: a frame of ours in UDP or
// TCP over IPv4 or IPv6, with a byte or two changed now and then.
func anyPacket(t testing.TB, r *rand.Rand) []byte {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Sequence: r.Uint64(), Topic: []byte("news"), Payload: make([]byte, r.IntN(60))}
	frame, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.IntN(4) == 0 {
		frame = frame[:r.IntN(len(frame))]
	}
	transport := []byte{0x9c, 0x40, 0x25, 0xe4, 0, byte(8 + len(frame)), 0, 0}
	protocol := byte(17)
	if r.IntN(2) == 0 {
		transport, protocol = append(make([]byte, 12), 0x50, 0, 0, 0, 0, 0, 0, 0), 6
	}
	size := byte(len(transport) + len(frame))
	b := append(make([]byte, 12), 8, 0, 0x45, 0, 0, 20+size, 0, 0, 0x40, 0, 64, protocol, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
	if r.IntN(2) == 0 {
		b = append(append(make([]byte, 12), 0x86, 0xdd, 0x60, 0, 0, 0, 0, size, protocol, 64), make([]byte, 32)...)
	}
	b = append(append(b, transport...), frame...)
	b = append(b, make([]byte, r.IntN(2)*r.IntN(9))...)
	if r.IntN(3) == 0 {
		b[12+r.IntN(len(b)-12)] = byte(r.Uint32())
	}
	return b[:len(b)-r.IntN(8)/7*r.IntN(len(b))]
}

// randomCapture writes a file of such packets.
func randomCapture(t testing.TB, packets int) []byte { return captureOf(t, packets, 1000) }

// captureOf writes a file of such packets, with another interface before each
// so many.
func captureOf(t testing.TB, packets, each int) []byte {
	r := rand.New(rand.NewPCG(5, 6))
	var file bytes.Buffer
	w, err := pcapng.NewWriter(&file, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range packets {
		if n%each == 0 {
			link := []uint16{dissect.LinkEthernet, dissect.LinkEthernet, dissect.LinkRaw, dissect.LinkSLL2, 147}[n/each%5]
			if _, err := w.AddInterface(pcapng.Interface{LinkType: link}); err != nil {
				t.Fatal(err)
			}
		}
		p := pcapng.Packet{Interface: r.IntN(n/each + 1), Time: time.Unix(1_700_000_000, int64(n)).UTC(), Data: anyPacket(t, r)}
		p.Length = len(p.Data) + r.IntN(2)*r.IntN(3)
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// inPackets writes a capture of datagrams that carry a file, whole at first
// and then in pieces: where blocks begin in them, none does.
func inPackets(t testing.TB, file []byte) []byte {
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{LinkType: 147}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{len(file), 4000} {
		for piece := range slices.Chunk(file, size) {
			if err := w.WritePacket(&pcapng.Packet{Time: time.Unix(1, 0).UTC(), Data: piece, Length: len(piece)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tallySlowly counts a file packet by packet, none of them in the plain way.
func tallySlowly(t testing.TB, file []byte) (*Tally, error) {
	r, err := pcapng.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var total Tally
	for {
		p, err := r.Next()
		if err != nil {
			return &total, err
		}
		if total.Packets == 0 {
			total.First = p.Time
		}
		total.Last = p.Time
		total.other(r.Interfaces()[p.Interface].LinkType, p.Data, p.Length)
	}
}

func sameTally(t *testing.T, got, want *Tally) {
	t.Helper()
	got.parsers, want.parsers = nil, nil
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Tally{}, netCount{}, aboveCount{})); d != "" {
		t.Errorf("(-slowly +shared):\n%s", d)
	}
}

func TestTallyFile(t *testing.T) {
	whole := randomCapture(t, 40_000)
	cut := whole[:len(whole)-30]
	bad := bytes.Clone(whole)
	bad[len(bad)*2/3&^3] ^= 0x55
	plain := captureOf(t, 8_000, 8_000)
	mimic := captureOf(t, 50, 50) // whose packets hold captures
	for range 6 {
		mimic = inPackets(t, mimic)
	}
	files := map[string][]byte{"whole": whole, "cut": cut, "bad": bad, "one interface": plain, "one interface, cut": plain[:len(plain)-30], "captured captures": mimic}
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			want, wantErr := tallySlowly(t, content)
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			got, err := TallyFile(t.Context(), file)
			if got == nil || (err == nil) != (wantErr == io.EOF) || err != nil && err.Error() != wantErr.Error() {
				t.Fatalf("TallyFile = %v, want %v", err, wantErr)
			}
			sameTally(t, got, want)
			r, err := pcapng.NewReader(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			got, _ = tallyShared(t.Context(), r, nil, &Tally{})
			sameTally(t, got, want)
			mapped, unmap := mustMap(t, file)
			defer unmap()
			for _, piece := range []int{max(100, len(content)/500), 64 << 10} {
				if got, err = tallyMapped(t.Context(), mapped, piece); err != nil && err.Error() != wantErr.Error() {
					t.Errorf("in pieces of %d bytes: %v, want %v", piece, err, wantErr)
				}
				sameTally(t, got, want)
			}
		})
	}
}

// TestTallyFileShrinks: who cuts a file while it is counted ends neither the
// program nor believes the count.
func TestTallyFileShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := randomCapture(t, 1000)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b, unmap := mustMap(t, file)
	defer unmap()
	const left = 64 << 10
	if err := os.Truncate(path, left); err != nil {
		t.Fatal(err)
	}
	want, _ := tallySlowly(t, content[:left])
	for _, piece := range []int{5000, pcapng.ChunkBytes} {
		got, err := tallyMapped(t.Context(), b, piece)
		if !errors.Is(err, ErrShrunk) || got == nil {
			t.Fatalf("in pieces of %d bytes: tallyMapped = %v, want %v", piece, err, ErrShrunk)
		}
		sameTally(t, got, want)
	}
}

// mustMap maps a file where the system can, and else skips the test, unless
// everything was demanded.
func mustMap(t *testing.T, file *os.File) (b []byte, unmap func() error) {
	t.Helper()
	b, unmap, err := mapFile(file)
	if err != nil && os.Getenv("RAWLAB_REQUIRE_KERNEL") != "" {
		t.Fatalf("RAWLAB_REQUIRE_KERNEL is set, but: %v", err)
	} else if err != nil {
		t.Skip("this system maps no files:", err)
	}
	return b, unmap
}
