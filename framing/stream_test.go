package framing_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
)

// readAll takes every frame off r and returns their fields and the error
// that ended it.
func readAll(r *framing.Reader) ([]frameFields, error) {
	var got []frameFields
	for {
		f, err := r.Next()
		if err != nil {
			return got, err
		}
		got = append(got, fieldsOf(f))
	}
}

// vectorStream is every valid vector behind one another.
func vectorStream(t testing.TB) (stream []byte, want []frameFields) {
	for _, v := range readVectors(t).Frames {
		stream = append(stream, unhex(t, v.Bytes)...)
		want = append(want, v.Frame)
	}
	return stream, want
}

func plainReader(r io.Reader) io.Reader { return r }

// chunks is a reader whose every Read answers the next length of sizes,
// over and over; 0 is an empty read.
type chunks struct {
	b     []byte
	sizes []int
	turn  int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := min(c.sizes[c.turn%len(c.sizes)], len(c.b), len(p))
	c.turn++
	copy(p, c.b[:n])
	c.b = c.b[n:]
	return n, nil
}

func TestReaderOverAwkwardStreams(t *testing.T) {
	stream, want := vectorStream(t)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"plain":           plainReader,
		"one byte":        iotest.OneByteReader,
		"half":            iotest.HalfReader,
		"data with EOF":   iotest.DataErrReader,
		"byte with EOF":   func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
		"primes":          func(io.Reader) io.Reader { return &chunks{b: stream, sizes: []int{2, 3, 5, 7, 31, 37}} },
		"some empty":      func(io.Reader) io.Reader { return &chunks{b: stream, sizes: []int{0, 0, 33, 0, 1}} },
		"without its end": func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(io.EOF)) },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(framing.NewReader(wrap(bytes.NewReader(stream)), 0))
			if err != io.EOF {
				t.Errorf("Next at the end = %v, want io.EOF", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("frames (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReaderCutAtEveryByte(t *testing.T) {
	for name, whole := range allVectors(t) {
		for cut := range len(whole) {
			for _, wrap := range []func(io.Reader) io.Reader{plainReader, iotest.DataErrReader} {
				r := framing.NewReader(wrap(bytes.NewReader(slices.Concat(whole, whole[:cut]))), 0)
				want := io.ErrUnexpectedEOF
				if cut == 0 {
					want = io.EOF
				}
				got, err := readAll(r)
				if len(got) != 1 || err != want {
					t.Errorf("%s: a frame and %d bytes = %d frames, %v, want 1, %v", name, cut, len(got), err, want)
				}
				if _, again := r.Next(); again != want {
					t.Errorf("%s: Next once more = %v, want %v", name, again, want)
				}
			}
		}
	}
}

func TestReaderPassesTheStreamsError(t *testing.T) {
	broken := errors.New("cable cut")
	whole := encode(t, framing.Frame{Kind: framing.KindPing})
	for name, tail := range map[string][]byte{"between frames": nil, "inside a frame": whole[:5]} {
		r := framing.NewReader(io.MultiReader(bytes.NewReader(slices.Concat(whole, tail)), iotest.ErrReader(broken)), 0)
		if got, err := readAll(r); len(got) != 1 || err != broken {
			t.Errorf("%s: %d frames, %v, want 1, %v", name, len(got), err, broken)
		}
	}
}

func TestReaderGivesUpOnSilence(t *testing.T) {
	r := framing.NewReader(&chunks{b: []byte{0}, sizes: []int{0}}, 0)
	if _, err := r.Next(); err != io.ErrNoProgress {
		t.Errorf("Next = %v, want io.ErrNoProgress", err)
	}
}

func TestReaderLimit(t *testing.T) {
	frame := func(payload int) []byte {
		return encode(t, framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, payload)})
	}
	for name, test := range map[string]struct {
		limit, payload int
		ok             bool
	}{
		"smallest limit, bare frame": {framing.MinSize, 0, true},
		"smallest limit, one byte":   {framing.MinSize, 1, false},
		"small limit":                {1000, 968, true},
		"over a small limit":         {1000, 969, false},
		"limit under any frame":      {8, 0, false},
		"larger than the buffer":     {300_000, 300_000 - framing.MinSize, true},
		"over a large limit":         {300_000, 300_000 - framing.MinSize + 1, false},
		"default limit":              {0, framing.DefaultLimit - framing.MinSize, true},
		"over the default limit":     {0, framing.DefaultLimit - framing.MinSize + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := frame(test.payload)
			got, err := readAll(framing.NewReader(bytes.NewReader(slices.Concat(b, b)), test.limit))
			if test.ok {
				if len(got) != 2 || err != io.EOF {
					t.Errorf("%d frames, %v, want 2, io.EOF", len(got), err)
				}
				return
			}
			if _, ok := errors.AsType[*framing.SizeError](err); len(got) != 0 || !ok {
				t.Errorf("%d frames, %v, want none and a SizeError", len(got), err)
			}
		})
	}
}

// TestReaderAllocatesNoMoreThanArrives sends only a prefix that claims the
// whole limit: a claim alone must not cost the memory it names.
func TestReaderAllocatesNoMoreThanArrives(t *testing.T) {
	prefix := []byte{0x3f, 0xff, 0xff, 0xfc} // 1 GiB with itself
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := framing.NewReader(bytes.NewReader(prefix), 1<<30)
			if _, err := r.Next(); err != io.ErrUnexpectedEOF {
				b.Fatalf("Next = %v, want io.ErrUnexpectedEOF", err)
			}
		}
	})
	if got.AllocedBytesPerOp() > 128<<10 {
		t.Errorf("a prefix alone made the reader allocate %d bytes", got.AllocedBytesPerOp())
	}
}

// countingReader tells whether it was read.
type countingReader struct {
	r     io.Reader
	reads int
}

func (c *countingReader) Read(p []byte) (int, error) {
	c.reads++
	return c.r.Read(p)
}

// TestBufferedLaw: Buffered is true exactly when Next does not read, over any
// stream, sound or not, cut anywhere and arriving in any chunks.
func TestBufferedLaw(t *testing.T) {
	whole, _ := vectorStream(t)
	rapid.Check(t, func(t *rapid.T) {
		stream := slices.Clone(whole[:rapid.IntRange(0, len(whole)).Draw(t, "cut")])
		if len(stream) > 0 && rapid.Bool().Draw(t, "spoil") {
			stream[rapid.IntRange(0, len(stream)-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "with")
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 200), 1, 8).Draw(t, "chunks")
		source := &countingReader{r: &chunks{b: stream, sizes: sizes}}
		if rapid.Bool().Draw(t, "data with EOF") {
			source.r = iotest.DataErrReader(source.r)
		}
		r := framing.NewReader(source, rapid.SampledFrom([]int{0, 64, 300}).Draw(t, "limit"))
		for ended := 0; ended < 2; { // once more behind the end
			buffered, before := r.Buffered(), source.reads
			_, err := r.Next()
			if read := source.reads > before; read == buffered {
				t.Fatalf("Buffered() = %t, but Next read: %t (and returned %v)", buffered, read, err)
			}
			if err != nil {
				ended++
			}
		}
	})
}

func TestReaderChunkLaw(t *testing.T) {
	stream, want := vectorStream(t)
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 700), 1, 16).Draw(t, "chunks")
		got, err := readAll(framing.NewReader(&chunks{b: stream, sizes: sizes}, 0))
		if err != io.EOF {
			t.Fatalf("Next at the end = %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("frames (-want +got):\n%s", diff)
		}
	})
}

// brokenWriter fails from its nth write on.
type brokenWriter struct {
	writes, failFrom int
	err              error
	bytes.Buffer
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	w.writes++
	if w.failFrom > 0 && w.writes >= w.failFrom {
		return 0, w.err
	}
	return w.Buffer.Write(p)
}

func TestWriterCoalesces(t *testing.T) {
	var out brokenWriter
	stream, _ := vectorStream(t)
	w := framing.NewWriter(&out)
	for b := stream; len(b) > 0; {
		f, n, err := framing.Parse(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&f); err != nil {
			t.Fatal(err)
		}
		b = b[n:]
	}
	if out.writes != 0 || w.Buffered() != len(stream) {
		t.Errorf("before Flush: %d writes, %d bytes waiting, want 0, %d", out.writes, w.Buffered(), len(stream))
	}
	if err := errors.Join(w.Flush(), w.Flush()); err != nil {
		t.Fatal(err)
	}
	if out.writes != 1 || w.Buffered() != 0 || !bytes.Equal(out.Bytes(), stream) {
		t.Errorf("after Flush: %d writes, %d waiting, equal: %t, want 1, 0, true", out.writes, w.Buffered(), bytes.Equal(out.Bytes(), stream))
	}
}

func TestWriterRefusesOneFrameOnly(t *testing.T) {
	var out bytes.Buffer
	w := framing.NewWriter(&out)
	good := framing.Frame{Kind: framing.KindPing, Sequence: 1}
	if err := w.Write(&framing.Frame{}); !errors.Is(err, framing.ErrInvalid) {
		t.Errorf("Write of no kind = %v, want ErrInvalid", err)
	}
	if err := errors.Join(w.Write(&good), w.Flush()); err != nil {
		t.Errorf("after a refused frame: %v", err)
	}
	if got, err := readAll(framing.NewReader(&out, 0)); len(got) != 1 || err != io.EOF {
		t.Errorf("the stream holds %d frames, %v, want 1, io.EOF", len(got), err)
	}
}

func TestWriterStaysBroken(t *testing.T) {
	out := &brokenWriter{failFrom: 1, err: errors.New("cable cut")}
	w := framing.NewWriter(out)
	for range 2 {
		if err := w.Write(&framing.Frame{Kind: framing.KindPing}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != out.err {
			t.Errorf("Flush = %v, want %v", err, out.err)
		}
	}
	if out.writes != 1 {
		t.Errorf("%d writes onto a broken stream, want 1", out.writes)
	}
}
