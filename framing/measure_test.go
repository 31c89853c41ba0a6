package framing_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"rawlab/framing"
)

// measuresTheSame compares Measure with what Parse says.
func measuresTheSame(t *testing.T, b []byte) (ok bool) {
	t.Helper()
	f, size, err := framing.Parse(b, 0)
	o, ok := framing.Measure(b, 0)
	if ok != (err == nil) || ok && (o.Kind != f.Kind || o.Size != size || o.Payload != len(f.Payload)) {
		t.Fatalf("Measure(% x) = %+v, %t; Parse: %v, %d, %d, %v", b, o, ok, f.Kind, size, len(f.Payload), err)
	}
	return ok
}

func TestMeasure(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good := 0
	for range 20_000 {
		f := framing.Frame{
			Kind: framing.Kind(1 + r.IntN(int(framing.MaxKind))), Flags: framing.Flags(r.Uint32()) & (framing.FlagCRC | framing.FlagOffset),
			Topic: make([]byte, r.IntN(5)), Payload: make([]byte, r.IntN(20)),
		}
		b, err := f.Append(nil)
		if err != nil {
			continue
		}
		if measuresTheSame(t, append(b, 1, 2, 3)) {
			good++
		}
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		measuresTheSame(t, b[:len(b)-r.IntN(2)*r.IntN(len(b))])
	}
	if good < 5_000 {
		t.Errorf("only %d frames were good", good)
	}
}

func FuzzMeasure(f *testing.F) {
	frame, err := (&framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Topic: []byte("news"), Payload: []byte("hello")}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(bytes.Repeat(frame, 2))
	f.Fuzz(func(t *testing.T, b []byte) { measuresTheSame(t, b) })
}

// likeTheSame holds Like and Sealed to what Measure says of a frame that may
// be like another.
func likeTheSame(t *testing.T, a, b []byte) (like bool) {
	t.Helper()
	o, ok := framing.Measure(a, 0)
	if !ok || !o.Like(b) {
		return false
	}
	got, ok := framing.Measure(b, 0)
	if ok != o.Sealed(b) || ok && got != o {
		t.Fatalf("% x is like % x: %+v, %t; Measure gives %+v, %t", b, a, o, o.Sealed(b), got, ok)
	}
	return true
}

// TestAllSealed damages one of several frames of every size, or none.
func TestAllSealed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for size := range 600 {
		var frames [framing.Lanes][]byte
		for i := range frames {
			f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Sequence: r.Uint64(), Payload: make([]byte, size)}
			for at := range f.Payload {
				f.Payload[at] = byte(r.Uint32())
			}
			b, err := f.Append(make([]byte, i, i+1000)) // at any alignment
			if err != nil {
				t.Fatal(err)
			}
			frames[i] = b[i:]
		}
		o, ok := framing.Measure(frames[0], 0)
		if !ok || !o.AllSealed(&frames) {
			t.Fatalf("%d bytes: not all of four good frames are sealed", size)
		}
		bad := frames[size%len(frames)]
		bad[8+r.IntN(len(bad)-8)] ^= 1 << r.IntN(8)
		if o.AllSealed(&frames) {
			t.Fatalf("%d bytes: frame %d is damaged, but all are sealed", size, size%len(frames))
		}
		for _, b := range frames {
			if !likeTheSame(t, frames[(size+1)%len(frames)], b) {
				t.Fatalf("%d bytes: frames of one size are not alike", size)
			}
		}
	}
	plain, err := (&framing.Frame{Kind: framing.KindEmit, Topic: []byte("news")}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := framing.Measure(plain, 0); !ok || !o.Sealed(plain) || !o.AllSealed(&[framing.Lanes][]byte{plain, plain, plain, plain}) {
		t.Error("frames without a checksum are not sealed")
	}
}

func FuzzLike(f *testing.F) {
	frame, err := (&framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Topic: []byte("news"), Payload: []byte("hello")}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame, frame[:len(frame)-1])
	f.Add(frame, frame)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		likeTheSame(t, a, b)
		o, ok := framing.Measure(a, 0)
		if !ok || len(b) < o.Size {
			return
		}
		all := o.Sealed(a) && o.Sealed(b)
		if got := o.AllSealed(&[framing.Lanes][]byte{a, b, a, b}); got != all {
			t.Errorf("AllSealed(% x, % x) = %t, want %t", a, b, got, all)
		}
	})
}
