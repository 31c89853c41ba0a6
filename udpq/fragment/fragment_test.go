package fragment_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/udpq/fragment"
)

var epoch = time.Unix(1_700_000_000, 0)

// encode returns an event frame with a payload of that size.
func encode(t rapid.TB, sequence uint64, size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i * 7 / 3)
	}
	f := framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Origin: 1, Sequence: sequence, Topic: []byte("news"), Payload: payload}
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cut returns the fragment frames of a frame, parsed.
func cut(t rapid.TB, frame []byte, sequence, at uint64, budget int) (pieces []framing.Frame) {
	b, sizes := fragment.Append(nil, nil, frame, 1, sequence, at, budget)
	for _, n := range sizes {
		if n > budget {
			t.Fatalf("a fragment frame of %d bytes, budget %d", n, budget)
		}
		f, _, err := framing.Parse(b[:n], 0)
		if err != nil {
			t.Fatal(err)
		}
		pieces, b = append(pieces, f), b[n:]
	}
	return pieces
}

// Whatever a wire does to the pieces of several frames, those come out whole
// and once of which all pieces came, and no other.
func TestWhatCameWholeComesOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.IntRange(fragment.MinBudget, 2000).Draw(t, "budget")
		frames := map[uint64][]byte{}
		var all []framing.Frame
		for i, size := range rapid.SliceOfN(rapid.IntRange(1, 9000), 1, 8).Draw(t, "sizes") {
			n := uint64(i + 1)
			frames[n] = encode(t, n, size)
			all = append(all, cut(t, frames[n], n, 5, budget)...)
		}
		want, got := map[uint64]int{}, map[uint64]int{}
		var sent []framing.Frame
		lost := map[uint64]bool{}
		for _, f := range all {
			switch rapid.IntRange(0, 9).Draw(t, "fate") {
			case 0:
				lost[f.Sequence] = true
			case 1:
				sent = append(sent, f, f)
			default:
				sent = append(sent, f)
			}
		}
		for n := range frames {
			if !lost[n] {
				want[n] = 1
			}
		}
		pool := fragment.NewPool(1 << 20)
		a := fragment.NewAssembler(fragment.Config{Pool: pool})
		for _, f := range rapid.Permutation(sent).Draw(t, "order") {
			b, err := a.Accept(epoch, &f)
			if err != nil && !errors.Is(err, fragment.ErrDuplicate) {
				t.Fatal(err)
			}
			if b != nil {
				if !bytes.Equal(b, frames[f.Sequence]) {
					t.Fatalf("frame %d came out wrong", f.Sequence)
				}
				got[f.Sequence]++
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("frames that came out: -want +got\n%s", d)
		}
		a.Expire(epoch.Add(fragment.DefaultTimeout))
		for _, l := range a.Lost() {
			if !lost[l.Sequence] || l.Full {
				t.Fatalf("given up: %+v, lost on the way: %v", l, lost)
			}
		}
		if held, n := a.Held(); held != 0 || n != 0 || pool.Used() != 0 {
			t.Fatalf("at the end %d bytes of %d frames are held, the pool says %d", held, n, pool.Used())
		}
	})
}

func TestRefused(t *testing.T) {
	piece := func(total, at, length int, mark uint64) framing.Frame {
		body := framing.Fragment{Total: uint32(total), Position: uint32(at), Piece: make([]byte, length)}
		return framing.Frame{Kind: framing.KindFragment, Origin: 1, Sequence: 1, Time: mark, Payload: body.Append(nil)}
	}
	tests := map[string]struct {
		pieces []framing.Frame
		want   error // of the last
	}{
		"same again":                        {[]framing.Frame{piece(100, 0, 10, 5), piece(100, 0, 10, 5)}, fragment.ErrDuplicate},
		"another size":                      {[]framing.Frame{piece(100, 0, 10, 5), piece(99, 10, 10, 5)}, fragment.ErrContradiction},
		"overlaps the next":                 {[]framing.Frame{piece(100, 10, 10, 5), piece(100, 5, 6, 5)}, fragment.ErrContradiction},
		"overlaps the last":                 {[]framing.Frame{piece(100, 10, 10, 5), piece(100, 19, 6, 5)}, fragment.ErrContradiction},
		"longer at that place":              {[]framing.Frame{piece(100, 10, 10, 5), piece(100, 10, 12, 5)}, fragment.ErrContradiction},
		"empty":                             {[]framing.Frame{piece(100, 10, 0, 5)}, framing.ErrInvalid},
		"beyond the end":                    {[]framing.Frame{piece(100, 95, 6, 5)}, framing.ErrInvalid},
		"of an earlier cut":                 {[]framing.Frame{piece(100, 0, 10, 5), piece(100, 10, 10, 4)}, fragment.ErrDuplicate},
		"of one that was whole":             {[]framing.Frame{piece(20, 0, 10, 5), piece(20, 10, 10, 5), piece(20, 0, 10, 5)}, fragment.ErrDuplicate},
		"a later cut":                       {[]framing.Frame{piece(100, 0, 10, 5), piece(90, 0, 10, 6)}, nil},
		"a later cut of one that was whole": {[]framing.Frame{piece(10, 0, 10, 5), piece(20, 0, 10, 6)}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := fragment.NewAssembler(fragment.Config{})
			for i, f := range test.pieces {
				_, err := a.Accept(epoch, &f)
				if last := i == len(test.pieces)-1; !last && err != nil || last && !errors.Is(err, test.want) {
					t.Errorf("Accept of piece %d = %v, want %v at the end", i, err, test.want)
				}
			}
			if lost := a.Lost(); lost != nil {
				t.Errorf("given up: %v", lost)
			}
		})
	}
	a := fragment.NewAssembler(fragment.Config{Limit: 99})
	f := piece(100, 0, 10, 5)
	_, err := a.Accept(epoch, &f)
	if size, ok := errors.AsType[*framing.SizeError](err); !ok || size.Size != 100 || size.Limit != 99 {
		t.Errorf("Accept over the limit = %v", err)
	}
}

// first returns the first of several pieces of a large frame.
func first(t *testing.T, sequence uint64) framing.Frame {
	return cut(t, encode(t, sequence, 3000), sequence, 5, 1200)[0]
}

func TestGivenUp(t *testing.T) {
	a := fragment.NewAssembler(fragment.Config{Timeout: time.Second})
	one, two := first(t, 1), first(t, 2)
	a.Accept(epoch, &one)
	a.Accept(epoch.Add(300*time.Millisecond), &two)
	if wake := a.Wake(); !wake.Equal(epoch.Add(time.Second)) {
		t.Errorf("Wake() = %v, want a second after the first", wake)
	}
	a.Expire(epoch.Add(time.Second - 1))
	if lost := a.Lost(); lost != nil {
		t.Errorf("given up early: %v", lost)
	}
	a.Expire(epoch.Add(time.Second))
	if lost, want := a.Lost(), []fragment.Lost{{ID: fragment.ID{Origin: 1, Sequence: 1}}}; !cmp.Equal(lost, want) {
		t.Errorf("Lost() = %v, want %v", lost, want)
	}
	late := cut(t, encode(t, 1, 3000), 1, 5, 1200)[1]
	if _, err := a.Accept(epoch.Add(time.Second), &late); !errors.Is(err, fragment.ErrDuplicate) {
		t.Errorf("a piece of what was given up = %v, want ErrDuplicate", err)
	}
	a.Close()
	if lost := a.Lost(); len(lost) != 1 || lost[0].Sequence != 2 {
		t.Errorf("Lost() after Close = %v, want the second", lost)
	}
}

func TestBounds(t *testing.T) {
	t.Run("count", func(t *testing.T) {
		a := fragment.NewAssembler(fragment.Config{Count: 3})
		for n := uint64(1); n <= 5; n++ {
			f := first(t, n)
			a.Accept(epoch.Add(time.Duration(n)), &f)
		}
		want := []fragment.Lost{{ID: fragment.ID{Origin: 1, Sequence: 1}, Full: true}, {ID: fragment.ID{Origin: 1, Sequence: 2}, Full: true}}
		if lost := a.Lost(); !cmp.Equal(lost, want) {
			t.Errorf("Lost() = %v, want the two oldest", lost)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		a := fragment.NewAssembler(fragment.Config{Limit: 4000, Bytes: 8000, Count: 100})
		for n := uint64(1); n <= 50; n++ {
			f := first(t, n)
			if _, err := a.Accept(epoch.Add(time.Duration(n)), &f); err != nil {
				t.Fatal(err)
			}
			if held, _ := a.Held(); held > 8000 {
				t.Fatalf("%d bytes are held, 8000 allowed", held)
			}
		}
		if lost := a.Lost(); len(lost) != 44 || !lost[0].Full || lost[0].Sequence != 1 {
			t.Errorf("%d were given up: %v", len(lost), lost)
		}
	})
	t.Run("pieces of a byte", func(t *testing.T) {
		a := fragment.NewAssembler(fragment.Config{Limit: 4000, Bytes: 8000})
		var err error
		n := 0
		for ; err == nil && n < 4000; n++ {
			body := framing.Fragment{Total: 4000, Position: uint32(n), Piece: []byte{1}}
			_, err = a.Accept(epoch, &framing.Frame{Kind: framing.KindFragment, Origin: 1, Sequence: 1, Payload: body.Append(nil)})
		}
		if lost := a.Lost(); !errors.Is(err, fragment.ErrFull) || n > 8000/60 || len(lost) != 1 || !lost[0].Full {
			t.Errorf("after %d pieces: %v, given up %v", n, err, lost)
		}
		if held, open := a.Held(); held != 0 || open != 0 {
			t.Errorf("%d bytes of %d frames are held", held, open)
		}
	})
	t.Run("pool", func(t *testing.T) {
		pool := fragment.NewPool(3000)
		a, b := fragment.NewAssembler(fragment.Config{Pool: pool}), fragment.NewAssembler(fragment.Config{Pool: pool})
		one, two, three := first(t, 1), first(t, 2), first(t, 3)
		a.Accept(epoch, &one)
		a.Accept(epoch, &two)
		if _, err := b.Accept(epoch, &three); !errors.Is(err, fragment.ErrFull) {
			t.Errorf("over the pool: %v, want ErrFull", err)
		}
		if lost := b.Lost(); len(lost) != 1 || !lost[0].Full {
			t.Errorf("given up: %v", lost)
		}
		a.Accept(epoch, &three) // who has others gives up one of them
		if lost := a.Lost(); len(lost) != 1 || lost[0].Sequence != 1 {
			t.Errorf("given up: %v, want the first", lost)
		}
		a.Close()
		if pool.Used() != 0 {
			t.Errorf("%d bytes of the pool are taken at the end", pool.Used())
		}
	})
}

// Late pieces find their frame closed for as long as it is remembered, and
// what is remembered is bounded.
func TestClosedAreForgotten(t *testing.T) {
	a := fragment.NewAssembler(fragment.Config{})
	var frames [][]framing.Frame
	for n := uint64(1); n <= 4200; n++ {
		pieces := cut(t, encode(t, n, 600), n, 5, fragment.MinBudget)
		frames = append(frames, pieces)
		for _, f := range pieces {
			a.Accept(epoch, &f)
		}
	}
	if _, err := a.Accept(epoch, &frames[4199][0]); !errors.Is(err, fragment.ErrDuplicate) {
		t.Errorf("a piece of the last = %v, want ErrDuplicate", err)
	}
	if _, err := a.Accept(epoch, &frames[0][0]); err != nil {
		t.Errorf("a piece of the first = %v: it is remembered without a bound", err)
	}
	if _, open := a.Held(); open != 1 {
		t.Errorf("%d frames are open, want 1", open)
	}
}

func FuzzAccept(f *testing.F) {
	f.Add((&framing.Fragment{Total: 9, Position: 0, Piece: []byte("abc")}).Append(nil))
	f.Fuzz(func(t *testing.T, payload []byte) {
		pool := fragment.NewPool(1 << 16)
		a := fragment.NewAssembler(fragment.Config{Limit: 1 << 12, Pool: pool})
		for i := range 4 {
			frame := framing.Frame{Kind: framing.KindFragment, Origin: 1, Sequence: uint64(i % 2), Time: uint64(i / 2), Payload: payload[min(i, len(payload)):]}
			a.Accept(epoch, &frame)
		}
		a.Close()
		if pool.Used() != 0 {
			t.Errorf("%d bytes of the pool are taken at the end", pool.Used())
		}
	})
}
