package framing_test

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
)

// emits returns n plain emits of origin 1 for a topic, numbered from first on.
func emits(t testing.TB, topic string, first, n int) []byte {
	var stream []byte
	for i := range n {
		stream = append(stream, encode(t, framing.Frame{
			Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 1, Sequence: uint64(first + i), Time: uint64(i),
			Topic: []byte(topic), Payload: bytes.Repeat([]byte{byte(i)}, i%3),
		})...)
	}
	return stream
}

func TestRunTakesAllThatBelongsTogether(t *testing.T) {
	stream := emits(t, "news", 1, 100)
	r := framing.NewReader(bytes.NewReader(stream), 0)
	if _, ok := r.Run(1); ok {
		t.Fatal("a run before anything was read")
	}
	if err := r.Await(); err != nil {
		t.Fatal(err)
	}
	if f, err := r.Next(); err != nil || f.Sequence != 1 {
		t.Fatalf("Next = %+v, %v, want event 1", f, err)
	}
	run, ok := r.Run(1)
	if !ok || run.Count != 99 || run.Sequence != 2 || run.Last() != 100 || string(run.Topic) != "news" || !run.WantAck || run.Origin != 1 {
		t.Fatalf("run = %+v, %v, want events 2 to 100", run, ok)
	}
	for want, b := uint64(2), run.Frames; len(b) > 0; want++ {
		f, n, err := framing.Parse(b, 0)
		if err != nil || f.Kind != framing.KindEvent || f.Flags != 0 || f.Sequence != want || f.Time != want-1 || !bytes.Equal(f.Payload, bytes.Repeat([]byte{byte(want - 1)}, int(want-1)%3)) {
			t.Fatalf("frame %d of the run = %+v, %v", want, f, err)
		}
		b = b[n:]
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("Next behind the run = %v, want io.EOF", err)
	}
}

func TestRunStopsAtWhatIsSpecial(t *testing.T) {
	next := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 1, Sequence: 4, Topic: []byte("news")}
	for name, change := range map[string]func(*framing.Frame){
		"kind":            func(f *framing.Frame) { f.Kind = framing.KindPing },
		"event":           func(f *framing.Frame) { f.Kind = framing.KindEvent },
		"checksum":        func(f *framing.Frame) { f.Flags |= framing.FlagCRC },
		"offset":          func(f *framing.Frame) { f.Flags |= framing.FlagOffset },
		"replayed":        func(f *framing.Frame) { f.Flags |= framing.FlagReplayed },
		"other wish":      func(f *framing.Frame) { f.Flags = 0 },
		"code":            func(f *framing.Frame) { f.Code = framing.CodeFull },
		"origin":          func(f *framing.Frame) { f.Origin = 2 },
		"hole":            func(f *framing.Frame) { f.Sequence = 5 },
		"twice":           func(f *framing.Frame) { f.Sequence = 3 },
		"topic":           func(f *framing.Frame) { f.Topic = []byte("tops") },
		"length of topic": func(f *framing.Frame) { f.Topic = []byte("new"); f.Payload = []byte("s") },
	} {
		f := next
		change(&f)
		r := framing.NewReader(bytes.NewReader(slices.Concat(encode(t, framing.Frame{Kind: framing.KindPing}), emits(t, "news", 1, 3), encode(t, f))), 0)
		r.Next()
		if run, _ := r.Run(1); run.Count != 3 {
			t.Errorf("%s: run of %d frames, want 3", name, run.Count)
		}
		got, err := r.Next()
		if err != nil || fieldsOf(got) != fieldsOf(f) {
			t.Errorf("%s: then %+v, %v, want %+v", name, got, err, f)
		}
	}
}

func TestNoRunOfWhatIsNoPlainEmit(t *testing.T) {
	whole := emits(t, "news", 1, 1)
	for name, b := range map[string][]byte{
		"no topic":     encode(t, framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 1}),
		"no number":    emits(t, "news", 0, 1),
		"cut":          whole[:len(whole)-1],
		"other origin": encode(t, framing.Frame{Kind: framing.KindEmit, Origin: 2, Sequence: 1, Topic: []byte("news")}),
		"long topic":   append(slices.Clone(whole[:7]), append([]byte{200}, whole[8:]...)...),
		"version":      append(slices.Clone(whole[:4]), append([]byte{whole[4] | 0x40}, whole[5:]...)...),
	} {
		r := framing.NewReader(bytes.NewReader(slices.Concat(encode(t, framing.Frame{Kind: framing.KindPing}), b)), 0)
		r.Next()
		if run, ok := r.Run(1); ok {
			t.Errorf("%s: run of %d frames", name, run.Count)
		}
	}
}

// FuzzRun: whoever takes runs where there are some gets what who does not
// gets, but for what a run changes.
func FuzzRun(f *testing.F) {
	stream, _ := vectorStream(f)
	f.Add(slices.Concat(emits(f, "news", 1, 9), stream, emits(f, "sport", 1, 2)), byte(40))
	f.Add(emits(f, "news", 1, 9), byte(255))
	f.Fuzz(func(t *testing.T, b []byte, size byte) {
		const limit, origin = 4096, 1
		var want []frameFields
		for rest := b; ; {
			frame, n, err := framing.Parse(rest, limit)
			if err != nil {
				break
			}
			want = append(want, fieldsOf(frame))
			rest = rest[n:]
		}
		r := framing.NewReader(&chunks{b: b, sizes: []int{1 + int(size), 300}}, limit)
		for i := 0; ; {
			if run, ok := r.Run(origin); ok {
				i += checkRun(t, &run, want[i:])
				continue
			}
			frame, err := r.Next()
			if err != nil {
				if i != len(want) {
					t.Fatalf("%d frames, then %v, want %d", i, err, len(want))
				}
				return
			}
			if diff := cmp.Diff(want[i], fieldsOf(frame)); diff != "" {
				t.Fatalf("frame %d (-want +got):\n%s", i, diff)
			}
			i++
		}
	})
}

// checkRun holds a run against the emits it was made of and returns how many.
func checkRun(t *testing.T, run *framing.Run, want []frameFields) (n int) {
	for b := run.Frames; len(b) > 0; n++ {
		frame, size, err := framing.Parse(b, len(b))
		if err != nil {
			t.Fatalf("frame %d of a run: %v", n, err)
		}
		got := want[n]
		if got.KindCode != uint8(framing.KindEmit) || framing.Flags(got.Flags)&^framing.FlagWantAck != 0 || run.WantAck != (got.Flags != 0) ||
			got.Sequence != run.Sequence+uint64(n) || got.Origin != run.Origin || frame.Kind != framing.KindEvent || frame.Flags != 0 {
			t.Fatalf("frame %d of run %+v is %+v of %+v", n, run, frame, got)
		}
		got.Kind, got.KindCode, got.Flags = frame.Kind.String(), uint8(frame.Kind), 0
		if diff := cmp.Diff(got, fieldsOf(frame)); diff != "" {
			t.Fatalf("frame %d of a run (-want +got):\n%s", n, diff)
		}
		b = b[size:]
	}
	if n != run.Count {
		t.Fatalf("run of %d says %d", n, run.Count)
	}
	return n
}

// lateStream is a stream that hands its buffer back whenever nothing is there.
type lateStream struct {
	chunks
	lent int // times that a buffer was asked for since it was handed back
}

func (l *lateStream) ReadLate(take func() []byte, drop func()) (int, error) {
	for {
		l.lent++
		n, err := l.Read(take())
		if n > 0 {
			return n, err
		}
		drop()
		l.lent = 0
		if err != nil {
			return 0, err
		}
	}
}

func TestReaderOverALateStream(t *testing.T) {
	stream, want := vectorStream(t)
	large := framing.Frame{Kind: framing.KindEvent, Topic: []byte("news"), Payload: make([]byte, 600<<10)}
	stream, want = append(stream, encode(t, large)...), append(want, fieldsOf(large))
	for _, sizes := range [][]int{{1}, {0, 7, 0, 40}, {1 << 20}, {0, 1 << 20}} {
		late := &lateStream{chunks: chunks{b: slices.Clone(stream), sizes: sizes}}
		got, err := readAll(framing.NewReader(late, 0))
		if err != io.EOF || late.lent != 0 {
			t.Errorf("chunks of %d: Next at the end = %v, %d buffers still lent, want io.EOF, none", sizes, err, late.lent)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("chunks of %d: frames (-want +got):\n%s", sizes, diff)
		}
	}
}

func TestLateStreamCutInsideAFrame(t *testing.T) {
	for name, whole := range allVectors(t) {
		for cut := 1; cut < len(whole); cut += 1 + len(whole)/16 {
			late := &lateStream{chunks: chunks{b: slices.Concat(whole, whole[:cut]), sizes: []int{cut, 0}}}
			got, err := readAll(framing.NewReader(late, 0))
			if len(got) != 1 || err != io.ErrUnexpectedEOF {
				t.Errorf("%s: a frame and %d bytes = %d frames, %v, want 1, io.ErrUnexpectedEOF", name, cut, len(got), err)
			}
		}
	}
}

// TestRunStopsAtAnUnfinishedFrame lets a stream arrive in two parts, cut at
// every byte, behind what filled the buffer with frames that would fit.
func TestRunStopsAtAnUnfinishedFrame(t *testing.T) {
	var stream []byte
	for i := range 6 {
		stream = append(stream, encode(t, framing.Frame{
			Kind: framing.KindEmit, Origin: 1, Sequence: uint64(i%3 + 1), Topic: []byte("news"), Payload: bytes.Repeat([]byte{byte(i + 1)}, 40),
		})...)
	}
	half := len(stream) / 2
	for cut := 1; cut < half; cut++ {
		r := framing.NewReader(&chunks{b: slices.Clone(stream), sizes: []int{half, cut, half - cut}}, 0)
		for i := 0; i < 6; {
			if err := r.Await(); err != nil {
				t.Fatal(err)
			}
			run, _ := r.Run(1)
			for b := run.Frames; len(b) > 0; i++ {
				f, n, err := framing.Parse(b, 0)
				if err != nil || f.Sequence != uint64(i%3+1) || !bytes.Equal(f.Payload, bytes.Repeat([]byte{byte(i + 1)}, 40)) {
					t.Fatalf("cut at %d: frame %d is %d with %v, %v", cut, i, f.Sequence, f.Payload, err)
				}
				b = b[n:]
			}
		}
	}
}
