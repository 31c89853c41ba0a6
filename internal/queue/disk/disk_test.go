package disk_test

import (
	"testing"

	"go.uber.org/goleak"

	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
	"rawlab/internal/queue/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ queue.Store = (*disk.Store)(nil)

// small makes the journal turn often.
var small = &disk.Config{JournalBytes: 64 << 10}

func open(t *testing.T, dir string, config *disk.Config) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) queue.Store { return open(t, t.TempDir(), small) })
}
