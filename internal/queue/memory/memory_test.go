package memory_test

import (
	"errors"
	"testing"
	"time"

	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
	"rawlab/internal/queue/storetest"
)

var _ queue.Store = (*memory.Store)(nil)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) queue.Store { return memory.New(0) })
}

func TestFullUntilTrimmed(t *testing.T) {
	b := storetest.Frames(7, 1, 2)
	s := memory.New(int64(len(b)))
	if err := storetest.Append(s, "a", time.Time{}, b, 1); err != nil {
		t.Fatal(err)
	}
	if err := storetest.Append(s, "b", time.Time{}, b, 1); !errors.Is(err, memory.ErrFull) {
		t.Errorf("Append() to a full store = %v, want ErrFull", err)
	}
	if err := s.Trim("a", 2); err != nil {
		t.Fatal(err)
	}
	if err := storetest.Append(s, "b", time.Time{}, b, 1); err != nil {
		t.Errorf("Append() after a trim = %v", err)
	}
}

func TestEpochsDiffer(t *testing.T) {
	one, other := memory.New(0), memory.New(0)
	if one.Epoch() == other.Epoch() {
		t.Error("two stores have the same epoch")
	}
}
