package jetstream_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/internal/queue/jetstream"
	"rawlab/internal/queue/storetest"
)

func TestRefusesWhileTheBrokerIsAway(t *testing.T) {
	b := startBroker(t)
	s := b.open(t, "rawlab", 300*time.Millisecond)
	waitFor(t, func() bool { return s.Open("a", func(uint64, []byte, int) {}) == nil }) // on a busy machine it may take longer
	waitFor(t, func() bool {
		return storetest.Append(s, "a", storetest.Start, storetest.Frames(7, 1, 3), 2) == nil
	})
	b.stop()
	err := storetest.Append(s, "a", storetest.Start, storetest.Frames(7, 3, 5), 2)
	if !errors.Is(err, jetstream.ErrAway) || !strings.Contains(err.Error(), b.url()) {
		t.Errorf("Append() without a broker = %v, want ErrAway that names it", err)
	}
	if err := s.SetCursor("a", "ada", 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); !errors.Is(err, jetstream.ErrAway) {
		t.Errorf("Sync() without a broker = %v, want ErrAway", err)
	}
	b.start()
	waitFor(t, func() bool { // until it is connected again
		return storetest.Append(s, "a", storetest.Start, storetest.Frames(7, 3, 5), 2) == nil
	})
	waitFor(t, func() bool { return s.Sync() == nil })
	other := b.open(t, "rawlab", 0)
	storetest.Open(t, other, "a")
	want := [][2]uint64{{7, 4}}
	if got := storetest.Origins(t, other, "a"); !cmp.Equal(got, want) {
		t.Errorf("Origins() = %v, want %v", got, want)
	}
	if first, next := other.Bounds("a"); first != 1 || next != 5 {
		t.Errorf("Bounds() = %d, %d, want 1, 5", first, next)
	}
	if got := storetest.Cursors(t, other, "a"); !cmp.Equal(got, map[string]uint64{"ada": 2}) {
		t.Errorf("cursors = %v, want ada at 2", got)
	}
}

// waitFor asks until something holds; asking waits by itself.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatal("it never came true")
		}
	}
}

func TestABrokerThatLostTheLogs(t *testing.T) {
	b := startBroker(t)
	s := b.open(t, "rawlab", time.Second)
	waitFor(t, func() bool { return s.Open("a", func(uint64, []byte, int) {}) == nil })
	b.stop()
	b.dir = t.TempDir()
	b.start()
	waitFor(t, func() bool {
		err := storetest.Append(s, "a", storetest.Start, storetest.Frames(7, 1, 2), 1)
		return errors.Is(err, jetstream.ErrLost)
	})
	other := b.open(t, "rawlab", 0)
	if other.Epoch() == s.Epoch() {
		t.Error("the epoch is the same though the logs were lost")
	}
}

func TestStoredOnceWhicheverServer(t *testing.T) {
	b := startBroker(t)
	one, other := b.open(t, "rawlab", 0), b.open(t, "rawlab", 0)
	storetest.Open(t, one, "a")
	storetest.Open(t, other, "a")
	for _, s := range []*jetstream.Store{one, other, one} {
		if err := storetest.Append(s, "a", storetest.Start, storetest.Frames(7, 1, 4), 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := storetest.Append(other, "a", storetest.Start, storetest.Frames(7, 2, 7), 5); err != nil {
		t.Fatal(err)
	}
	if err := one.Refresh("a"); err != nil {
		t.Fatal(err)
	}
	if _, next := one.Bounds("a"); next != 7 {
		t.Errorf("the log ends at %d, want 7: each event once", next)
	}
}

func TestACursorNeverStepsBack(t *testing.T) {
	b := startBroker(t)
	one, other := b.open(t, "rawlab", 0), b.open(t, "rawlab", 0)
	storetest.Open(t, one, "a")
	for _, step := range []struct {
		s    *jetstream.Store
		next uint64
	}{{one, 5}, {other, 3}, {other, 7}, {one, 6}} {
		if err := step.s.SetCursor("a", "ada", step.next); err != nil {
			t.Fatal(err)
		}
		if err := step.s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*jetstream.Store{one, other} {
		if err := s.Refresh(); err != nil {
			t.Fatal(err)
		}
		if got := storetest.Cursors(t, s, "a"); !cmp.Equal(got, map[string]uint64{"ada": 7}) {
			t.Errorf("cursors = %v, want ada at 7", got)
		}
	}
}

func TestTrimmedByAnother(t *testing.T) {
	b := startBroker(t)
	one, other := b.open(t, "rawlab", 0), b.open(t, "rawlab", 0)
	storetest.Open(t, one, "a")
	storetest.Open(t, other, "a")
	if err := storetest.Append(one, "a", storetest.Start, storetest.Frames(7, 1, 10), 9); err != nil {
		t.Fatal(err)
	}
	if err := one.Trim("a", 6); err != nil {
		t.Fatal(err)
	}
	if err := one.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := other.Refresh("a"); err != nil {
		t.Fatal(err)
	}
	if first, next := other.Bounds("a"); first != 6 || next != 10 {
		t.Errorf("Bounds() = %d, %d, want 6, 10", first, next)
	}
}

func TestTooLargeForTheBroker(t *testing.T) {
	b := startBroker(t)
	s := b.open(t, "rawlab", 0)
	storetest.Open(t, s, "a")
	big := make([]byte, 2<<20)
	big[1] = 0x1f
	big[2], big[3] = 0xff, 0xfc // a frame of 2 MiB
	if err := storetest.Append(s, "a", storetest.Start, big, 1); !errors.Is(err, jetstream.ErrTooLarge) {
		t.Errorf("Append() of 2 MiB = %v, want ErrTooLarge", err)
	}
}
