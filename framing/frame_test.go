package framing_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"rawlab/framing"
)

// allVectors returns every valid frame of the vectors, encoded, by name.
func allVectors(t testing.TB) map[string][]byte {
	frames := map[string][]byte{}
	for _, v := range readVectors(t).Frames {
		frames[v.Name] = unhex(t, v.Bytes)
	}
	return frames
}

func TestParseCutAtEveryByte(t *testing.T) {
	for name, whole := range allVectors(t) {
		for cut := range len(whole) {
			f, n, err := framing.Parse(slices.Clip(whole[:cut]), 0)
			if err != framing.ErrIncomplete || n != 0 || f.Kind != 0 {
				t.Errorf("%s: Parse of %d of %d bytes = %v, %d, %v, want ErrIncomplete", name, cut, len(whole), f.Kind, n, err)
			}
		}
	}
}

func TestParseStopsAtTheFrame(t *testing.T) {
	for name, whole := range allVectors(t) {
		f, n, err := framing.Parse(append(slices.Clone(whole), "more"...), 0)
		if err != nil || n != len(whole) || f.Size() != n {
			t.Errorf("%s: Parse with bytes behind = %d bytes, Size() %d, %v, want %d", name, n, f.Size(), err, len(whole))
		}
	}
}

// TestNoBitFlipPasses flips each bit of each frame with a checksum: on a
// datagram none may go unnoticed, also not a flip of the checksum's own flag.
func TestNoBitFlipPasses(t *testing.T) {
	for name, whole := range allVectors(t) {
		if framing.Flags(whole[5])&framing.FlagCRC == 0 {
			continue
		}
		for bit := range 8 * len(whole) {
			b := slices.Clone(whole)
			b[bit/8] ^= 0x80 >> (bit % 8)
			for f, err := range framing.Unpack(b) {
				if err == nil {
					t.Errorf("%s: bit %d flipped passes as %v %d:%d", name, bit, f.Kind, f.Origin, f.Sequence)
				}
			}
		}
	}
}

func TestLimit(t *testing.T) {
	f := framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, 100)}
	b := encode(t, f)
	for name, test := range map[string]struct {
		limit int
		ok    bool
	}{
		"at the limit":  {len(b), true},
		"one under":     {len(b) - 1, false},
		"tiny":          {1, false},
		"default":       {0, true},
		"negative":      {-1, true},
		"far above":     {1 << 30, true},
		"smallest size": {framing.MinSize, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, n, err := framing.Parse(b, test.limit)
			if test.ok {
				if err != nil || n != len(b) {
					t.Fatalf("Parse(limit %d) = %d, %v, want %d", test.limit, n, err, len(b))
				}
				return
			}
			size, ok := errors.AsType[*framing.SizeError](err)
			if !ok || size.Size != uint64(len(b)) || size.Limit != uint64(test.limit) || n != 0 {
				t.Errorf("Parse(limit %d) = %d, %v, want a SizeError of %d", test.limit, n, err, len(b))
			}
		})
	}
	huge := framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, framing.DefaultLimit)}
	if _, _, err := framing.Parse(encode(t, huge), 0); err == nil {
		t.Error("Parse accepts a frame over DefaultLimit with limit 0")
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, f := range map[string]framing.Frame{
		"no kind":      {},
		"unknown kind": {Kind: framing.MaxKind + 1},
		"unknown flag": {Kind: framing.KindPing, Flags: 0x80},
		"long topic":   {Kind: framing.KindEmit, Topic: make([]byte, framing.MaxTopic+1)},
	} {
		b, err := f.Append([]byte("kept"))
		if !errors.Is(err, framing.ErrInvalid) || string(b) != "kept" {
			t.Errorf("%s: Append = %q, %v, want %q, ErrInvalid", name, b, err, "kept")
		}
	}
}

func TestAppendBehindOtherBytes(t *testing.T) {
	for name, whole := range allVectors(t) {
		f, _, err := framing.Parse(whole, 0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := f.Append([]byte("before"))
		if err != nil || !bytes.Equal(b, append([]byte("before"), whole...)) {
			t.Errorf("%s: Append behind other bytes = %x, %v", name, b, err)
		}
	}
}

// TestFieldsEndWhereTheyEnd grows decoded fields: that must not write into
// what follows them in the buffer.
func TestFieldsEndWhereTheyEnd(t *testing.T) {
	for name, whole := range allVectors(t) {
		buf := append(slices.Clone(whole), "next frame"...)
		f, _, err := framing.Parse(buf, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = append(f.Topic, "xxxxxxxxxxxx"...)
		_ = append(f.Payload, "xxxxxxxxxxxx"...)
		if string(buf) != string(whole)+"next frame" {
			t.Errorf("%s: appending to a decoded field wrote into the buffer", name)
		}
	}
}

func TestClone(t *testing.T) {
	b := encode(t, framing.Frame{Kind: framing.KindEmit, Sequence: 3, Topic: []byte("ab"), Payload: []byte("cd")})
	f, _, err := framing.Parse(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Clone()
	clear(b)
	if string(c.Topic) != "ab" || string(c.Payload) != "cd" || c.Sequence != 3 {
		t.Errorf("Clone = %+v, want it to outlive its buffer", c)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		framing.KindHello.String(): "hello", framing.KindBye.String(): "bye",
		framing.Kind(0).String(): "kind(0)", framing.Kind(17).String(): "kind(17)",
		framing.CodeOK.String(): "ok", framing.CodeInternal.String(): "internal", framing.Code(13).String(): "code(13)",
		(&framing.SizeError{Size: 9, Limit: 8}).Error(): "framing: frame of 9 bytes is over the limit of 8",
	} {
		if got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
