package capture

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// alikeCapture writes a file in which packets come again, most of them with
// one byte changed, which may be any, and some of another length.
func alikeCapture(t testing.TB, seed uint64, packets int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var models [12][]byte
	for i := range models {
		models[i] = anyPacket(t, r)
	}
	var file bytes.Buffer
	w, err := pcapng.NewWriter(&file, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range []uint16{dissect.LinkEthernet, dissect.LinkEthernet, dissect.LinkRaw} {
		if _, err := w.AddInterface(pcapng.Interface{LinkType: link}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range packets {
		data := bytes.Clone(models[r.IntN(1+r.IntN(len(models)))])
		if r.IntN(4) > 0 && len(data) > 0 {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		p := pcapng.Packet{Time: time.Unix(1_700_000_000, int64(n)).UTC(), Data: data, Length: len(data)}
		if r.IntN(20) == 0 {
			p.Length += r.IntN(4)
			p.Interface = r.IntN(3)
		}
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// talliesTheSame counts a file slowly and in every fast way.
func talliesTheSame(t *testing.T, file []byte) {
	t.Helper()
	if _, err := pcapng.NewReader(bytes.NewReader(file)); err != nil {
		return
	}
	want, wantErr := tallySlowly(t, file)
	check := func(got *Tally, err error) {
		t.Helper()
		sameTally(t, got, want)
		if (err == nil) != (wantErr == io.EOF) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("tally: %v, want %v", err, wantErr)
		}
	}
	r, err := pcapng.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	check(tallyShared(t.Context(), r, nil, &Tally{}))
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	check(TallyFile(t.Context(), f))
	b, unmap, err := mapFile(f)
	if err != nil {
		return // this system maps no files
	}
	defer unmap()
	check(tallyMapped(t.Context(), b, 500))
}

func TestAlike(t *testing.T) {
	for seed := range uint64(30) {
		talliesTheSame(t, alikeCapture(t, seed, 300))
	}
}

func FuzzTally(f *testing.F) {
	for seed := range uint64(3) {
		f.Add(alikeCapture(f, seed, 20))
	}
	f.Add(captureOf(f, 20, 5))
	f.Fuzz(talliesTheSame)
}
