package framing_test

import (
	"bytes"
	"io"
	"testing"

	"rawlab/framing"
)

// sampleEvent is an event of n payload bytes as a server sends it.
func sampleEvent(n int, flags framing.Flags) framing.Frame {
	return framing.Frame{
		Kind: framing.KindEvent, Flags: flags, Origin: sampleOrigin, Sequence: 42, Time: sampleTime,
		Topic: []byte("news"), Payload: make([]byte, n),
	}
}

// endless repeats a stream without end and without allocating.
type endless struct {
	b  []byte
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}

var sink framing.Frame

// TestDecodingAllocatesNothing holds doc.go's promise for every vector and
// for each way in.
func TestDecodingAllocatesNothing(t *testing.T) {
	none := func(name string, f func()) {
		t.Helper()
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s allocates %v times a run, want 0", name, got)
		}
	}
	for name, b := range allVectors(t) {
		none("Parse of "+name, func() { sink, _, _ = framing.Parse(b, 0) })
		f, _, _ := framing.Parse(b, 0)
		none("Append of "+name, func() { b, _ = f.Append(b[:0]) })
	}
	datagram := pack(t, 0, []framing.Frame{sampleEvent(100, 0), sampleEvent(100, 0), sampleEvent(100, 0)})[0]
	none("Unpack", func() {
		for f, err := range framing.Unpack(datagram) {
			if err != nil {
				t.Error(err)
			}
			sink = f
		}
	})
	stream, _ := vectorStream(t)
	r := framing.NewReader(&endless{b: stream}, 0)
	none("Reader.Next", func() {
		var err error
		if sink, err = r.Next(); err != nil {
			t.Error(err)
		}
	})
	hello := appendBody(t, framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte("ana")})
	none("ParseHello", func() { framing.ParseHello(hello) })
	missing := framing.Ranges(nil).Append(1, 2).Append(4, 9)
	none("ParseRanges", func() {
		r, _ := framing.ParseRanges(missing)
		r.Total()
	})
}

func BenchmarkParse(b *testing.B) {
	for name, f := range map[string]framing.Frame{
		"128": sampleEvent(128, 0), "128-crc": sampleEvent(128, framing.FlagCRC), "1K-crc": sampleEvent(1024, framing.FlagCRC),
	} {
		b.Run(name, func(b *testing.B) {
			buf := encode(b, f)
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				sink, _, _ = framing.Parse(buf, 0)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	f := sampleEvent(128, framing.FlagCRC)
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	b.SetBytes(int64(f.Size()))
	for b.Loop() {
		buf, _ = f.Append(buf[:0])
	}
}

func BenchmarkReader(b *testing.B) {
	r := framing.NewReader(&endless{b: bytes.Repeat(encode(b, sampleEvent(128, 0)), 64)}, 0)
	b.ReportAllocs()
	for b.Loop() {
		sink, _ = r.Next()
	}
}

func BenchmarkUnpack(b *testing.B) {
	datagram := pack(b, 0, []framing.Frame{sampleEvent(128, 0), sampleEvent(128, 0), sampleEvent(128, 0), sampleEvent(128, 0)})[0]
	b.ReportAllocs()
	b.SetBytes(int64(len(datagram)))
	for b.Loop() {
		for f := range framing.Unpack(datagram) {
			sink = f
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	w := framing.NewWriter(io.Discard)
	f := sampleEvent(128, 0)
	b.ReportAllocs()
	b.SetBytes(int64(f.Size()))
	for b.Loop() {
		w.Write(&f)
		if w.Buffered() >= 64<<10 {
			w.Flush()
		}
	}
}
