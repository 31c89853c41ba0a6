package memory_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
)

var _ queue.Store = (*memory.Store)(nil)

// frames returns encoded events numbered [from, to).
func frames(t *testing.T, from, to uint64) []byte {
	t.Helper()
	var b []byte
	for n := from; n < to; n++ {
		f := framing.Frame{Kind: framing.KindEvent, Sequence: n}
		var err error
		if b, err = f.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func contents(t *testing.T, s *memory.Store, from uint64) (offsets []uint64) {
	t.Helper()
	err := s.Read("a", from, func(offset uint64, frame []byte) bool {
		f, _, err := framing.Parse(frame, len(frame))
		if err != nil || f.Sequence != offset {
			t.Errorf("offset %d holds event %d, %v", offset, f.Sequence, err)
		}
		offsets = append(offsets, offset)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

func TestAppendReadTrim(t *testing.T) {
	s := memory.New(0)
	start := time.Unix(1000, 0)
	for i := range uint64(3) {
		first, err := s.Append("a", start.Add(time.Duration(i)*time.Second), frames(t, 1+3*i, 4+3*i), 3)
		if err != nil || first != 1+3*i {
			t.Fatalf("Append() = %d, %v, want %d", first, err, 1+3*i)
		}
	}
	if got := contents(t, s, 8); !slices.Equal(got, []uint64{8, 9}) {
		t.Errorf("Read from 8 = %v, want 8 and 9", got)
	}
	size := int64(len(frames(t, 1, 2)))
	tests := []struct {
		count  int
		bytes  int64
		before time.Time
		first  uint64
	}{
		{0, 0, time.Time{}, 1},
		{8, 0, time.Time{}, 2},
		{0, 7 * size, time.Time{}, 3},
		{0, 0, start.Add(time.Second), 4},
	}
	for _, test := range tests {
		var gone []uint64
		if err := s.Trim("a", test.count, test.bytes, test.before, func(offset uint64, _ []byte) { gone = append(gone, offset) }); err != nil {
			t.Fatal(err)
		}
		first, next := s.Bounds("a")
		if first != test.first || next != 10 {
			t.Errorf("Bounds() = %d, %d, want %d, 10", first, next, test.first)
		}
		if len(gone) > 0 && gone[len(gone)-1] != test.first-1 {
			t.Errorf("visited %v, want up to %d", gone, test.first-1)
		}
	}
	if got := contents(t, s, 1); !slices.Equal(got, []uint64{4, 5, 6, 7, 8, 9}) {
		t.Errorf("Read from a trimmed offset = %v, want 4 to 9", got)
	}
}

func TestAppendCopies(t *testing.T) {
	s := memory.New(0)
	b := frames(t, 1, 3)
	if _, err := s.Append("a", time.Time{}, b, 2); err != nil {
		t.Fatal(err)
	}
	clear(b)
	contents(t, s, 1)
}

func TestFullUntilTrimmed(t *testing.T) {
	b := frames(t, 1, 2)
	s := memory.New(int64(len(b)))
	if _, err := s.Append("a", time.Time{}, b, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append("b", time.Time{}, b, 1); !errors.Is(err, memory.ErrFull) {
		t.Errorf("Append() to a full store = %v, want ErrFull", err)
	}
	if err := s.Trim("a", 0, 0, time.Unix(1, 0), nil); err != nil {
		t.Fatal(err)
	}
	if first, err := s.Append("b", time.Time{}, b, 1); err != nil || first != 1 {
		t.Errorf("Append() after a trim = %d, %v", first, err)
	}
}

func TestTopicsAndCursors(t *testing.T) {
	s := memory.New(0)
	for _, topic := range []string{"b", "a", "b"} {
		if err := s.Open(topic); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Topics(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Topics() = %v, want a and b", got)
	}
	s.SetCursor("a", "ada", 3)
	s.SetCursor("a", "ada", 5)
	s.Cursors("a", func(client string, next uint64) {
		if client != "ada" || next != 5 {
			t.Errorf("cursor = %s at %d, want ada at 5", client, next)
		}
	})
	s.Cursors("b", func(client string, _ uint64) { t.Errorf("b has a cursor of %s", client) })
	if memory.New(0).Epoch() == s.Epoch() {
		t.Error("two stores have the same epoch")
	}
}
