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
	kind, gotSize, payload, ok := framing.Measure(b, 0)
	if ok != (err == nil) || ok && (kind != f.Kind || gotSize != size || payload != len(f.Payload)) {
		t.Fatalf("Measure(% x) = %v, %d, %d, %t; Parse: %v, %d, %d, %v", b, kind, gotSize, payload, ok, f.Kind, size, len(f.Payload), err)
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
