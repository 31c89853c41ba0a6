package framing_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
)

// pack packs frames into datagrams of at most budget bytes, and returns
// copies of them.
func pack(t interface{ Fatalf(string, ...any) }, budget int, frames []framing.Frame) [][]byte {
	var datagrams [][]byte
	p := framing.NewPacker(budget)
	for _, f := range frames {
		fitted, err := p.Add(&f)
		if err == nil && !fitted {
			datagrams = append(datagrams, slices.Clone(p.Take()))
			fitted, err = p.Add(&f)
		}
		if err != nil || !fitted {
			t.Fatalf("Add to an empty datagram = %t, %v", fitted, err)
		}
	}
	return append(datagrams, slices.Clone(p.Take()))
}

func drawFrame(t *rapid.T) framing.Frame {
	f := framing.Frame{
		Kind:  rapid.Custom(func(t *rapid.T) framing.Kind { return framing.Kind(rapid.IntRange(1, 15).Draw(t, "kind")) }).Draw(t, "kind"),
		Flags: framing.Flags(rapid.ByteRange(0, 15).Draw(t, "flags")), Code: framing.Code(rapid.Byte().Draw(t, "code")),
		Origin: rapid.Uint64().Draw(t, "origin"), Sequence: rapid.Uint64().Draw(t, "sequence"), Time: rapid.Uint64().Draw(t, "time"),
		Topic:   rapid.SliceOfN(rapid.Byte(), 0, framing.MaxTopic).Draw(t, "topic"),
		Payload: rapid.SliceOfN(rapid.Byte(), 0, 900).Draw(t, "payload"),
	}
	if f.Flags&framing.FlagOffset != 0 {
		f.Offset = rapid.Uint64().Draw(t, "offset")
	}
	return f
}

// TestPackLaw: whatever is packed comes out again, the same frames in the
// same order, and no datagram is over the budget.
func TestPackLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOfN(rapid.Custom(drawFrame), 1, 20).Draw(t, "frames")
		budget := rapid.IntRange(framing.DefaultDatagram, 65_507).Draw(t, "budget")
		var want, got []frameFields
		for _, f := range frames {
			f.Flags |= framing.FlagCRC
			want = append(want, fieldsOf(f))
		}
		for _, d := range pack(t, budget, frames) {
			if len(d) > budget || len(d) == 0 {
				t.Fatalf("a datagram of %d bytes, budget %d", len(d), budget)
			}
			for f, err := range framing.Unpack(d) {
				if err != nil {
					t.Fatalf("Unpack: %v", err)
				}
				got = append(got, fieldsOf(f))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("packed and unpacked (-want +got):\n%s", diff)
		}
	})
}

// TestUnpackLaw: any bytes at all unpack without a panic and to an end, and
// spoiling one frame costs no frame before it.
func TestUnpackLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOfN(rapid.Custom(drawFrame), 1, 5).Draw(t, "frames")
		d := pack(t, 65_507, frames)[0]
		at := rapid.IntRange(0, len(d)-1).Draw(t, "at")
		d[at] ^= rapid.ByteRange(1, 255).Draw(t, "with")
		whole := 0 // frames that end before the spoilt byte
		for end := 0; whole < len(frames); whole++ {
			f := frames[whole]
			f.Flags |= framing.FlagCRC
			if end += f.Size(); end > at {
				break
			}
		}
		i := 0
		for f, err := range framing.Unpack(d) {
			if i < whole && (err != nil || f.Sequence != frames[i].Sequence) {
				t.Fatalf("frame %d before the spoilt byte %d = %d, %v", i, at, f.Sequence, err)
			}
			if i == whole && err == nil {
				t.Fatalf("the spoilt frame %d passes", i)
			}
			i++
		}
	})
}

func TestPackerBudget(t *testing.T) {
	f := framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, 64)} // 100 bytes with its CRC
	p := framing.NewPacker(250)
	for i, want := range []bool{true, true, false} {
		if ok, err := p.Add(&f); ok != want || err != nil {
			t.Errorf("Add %d = %t, %v, want %t", i, ok, err, want)
		}
	}
	if p.Len() != 200 || len(p.Take()) != 200 || p.Len() != 0 {
		t.Errorf("two frames of 100 bytes do not make 200")
	}
	if ok, err := p.Add(&f); !ok || err != nil {
		t.Errorf("Add after Take = %t, %v", ok, err)
	}
	large := framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, 300)}
	ok, err := p.Add(&large)
	size, is := errors.AsType[*framing.SizeError](err)
	if ok || !is || size.Size != 336 || size.Limit != 250 {
		t.Errorf("Add over the budget = %t, %v, want a SizeError of 336 over 250", ok, err)
	}
	if ok, err := p.Add(&framing.Frame{}); ok || !errors.Is(err, framing.ErrInvalid) || p.Len() != 100 {
		t.Errorf("Add of no kind = %t, %v, %d bytes held, want ErrInvalid and 100", ok, err, p.Len())
	}
}

func TestPackerDefaultBudget(t *testing.T) {
	p := framing.NewPacker(0)
	fits := framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, framing.DefaultDatagram-36)}
	if ok, err := p.Add(&fits); !ok || err != nil {
		t.Errorf("Add of a full default datagram = %t, %v", ok, err)
	}
	over := framing.Frame{Kind: framing.KindEmit, Payload: make([]byte, framing.DefaultDatagram-35)}
	if _, err := p.Add(&over); err == nil {
		t.Error("Add over the default datagram succeeds")
	}
}

func TestUnpackStopsEarly(t *testing.T) {
	f := framing.Frame{Kind: framing.KindPing}
	d := pack(t, 0, []framing.Frame{f, f, f})[0]
	seen := 0
	for range framing.Unpack(d) {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("%d frames seen after break, want 1", seen)
	}
}

// What Unpack has let pass, UnpackAgain yields the same.
func TestUnpackAgain(t *testing.T) {
	var datagram []byte
	var want []framing.Frame
	for n := range uint64(5) {
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Sequence: n + 1, Topic: []byte("t"), Payload: make([]byte, n)}
		if n == 3 {
			f.Flags, f.Offset = f.Flags|framing.FlagOffset, 9
		}
		b, err := f.Append(datagram)
		if err != nil {
			t.Fatal(err)
		}
		datagram = b
	}
	for f, err := range framing.Unpack(datagram) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, f)
	}
	var got []framing.Frame
	for f, err := range framing.UnpackAgain(datagram) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 5 {
		t.Errorf("UnpackAgain() differs from Unpack (-want +got):\n%s", diff)
	}
	for range framing.UnpackAgain(datagram[:len(datagram)-1]) { // must end, and not panic
	}
}

// Verify says of each frame, whole, cut and damaged, what Unpack says.
func TestVerify(t *testing.T) {
	for flags := range framing.Flags(1 << 4) {
		f := framing.Frame{Kind: framing.KindAck, Flags: flags, Origin: 1, Sequence: 2, Offset: 3, Topic: []byte("topic"), Payload: []byte("payload")}
		whole, err := f.Append(nil)
		if err != nil {
			continue // no such flag
		}
		for at := range whole {
			for _, change := range []byte{0, 1, 0x80, 0xff} {
				damaged := bytes.Clone(whole)
				damaged[at] ^= change
				for _, b := range [][]byte{damaged, damaged[:at]} {
					compareVerify(t, b)
				}
			}
		}
	}
}

func compareVerify(t *testing.T, b []byte) {
	t.Helper()
	size, err := framing.Verify(b)
	for _, want := range framing.Unpack(b) {
		if (err == nil) != (want == nil) || want != nil && err.Error() != want.Error() {
			t.Fatalf("Verify(%x) = %v, Unpack says %v", b, err, want)
		}
		if extent, peeked := framing.Peek(b, len(b)); size != extent && peeked == nil {
			t.Fatalf("Verify(%x) = %d bytes, want %d", b, size, extent)
		}
		return
	}
}
