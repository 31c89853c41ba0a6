package disk_test

import (
	"testing"
	"time"

	"rawlab/internal/clock"
	"rawlab/internal/queue/disk"
	"rawlab/internal/queue/storetest"
)

// TestAbandon: what was answered for is there when the folder is opened again,
// at once; a cursor that only waited for the next write is where it was.
func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	config := &disk.Config{JournalBytes: 64 << 10, Clock: clock.NewVirtual(time.Unix(0, 0))} // on which the lazy write never comes
	s := open(t, dir, config)
	storetest.Open(t, s, "news")
	if err := storetest.Append(s, "news", time.Now(), storetest.Frames(1, 1, 4), 3); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCursor("news", "bob", 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCursor("news", "bob", 4); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := s.Abandon(); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir, config)
	defer again.Close()
	if first, next := again.Bounds("news"); first != 1 || next != 4 {
		t.Errorf("the log holds [%d, %d), want [1, 4)", first, next)
	}
	if got := storetest.Cursors(t, again, "news")["bob"]; got != 2 {
		t.Errorf("bob's cursor is at %d, want 2: the move to 4 was never written", got)
	}
}
