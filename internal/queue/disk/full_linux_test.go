package disk_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
)

// insideEnv is set in the child that has a mount namespace of its own.
const insideEnv = "RAWLAB_TEST_SMALL_DISK"

// A real file system that is full: the emitter is told that its events are
// refused, what was acknowledged stays, and all goes on when there is room.
func TestSmallDisk(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		smallDisk(t, os.Getenv(insideEnv))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSmallDisk$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran && os.Getenv("RAWLAB_REQUIRE_NETNS") != "1" {
		t.Skipf("no user and mount namespaces here: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// smallDisk is the test, where the folder may be mounted on.
func smallDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=600k"); err != nil {
		t.Fatal("mounting a small disk: ", err)
	}
	ballast := filepath.Join(dir, "ballast")
	store := filepath.Join(dir, "store")
	if err := os.WriteFile(ballast, make([]byte, 200<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	e := newSmallEmitter(t, store)
	for e.refused == 0 && e.emitted < 10_000 {
		e.emit(t)
	}
	if e.refused == 0 || e.code != framing.CodeFull {
		t.Fatalf("%d events emitted, %d refused with code %v, want a refusal: full", e.emitted, e.refused, e.code)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	full := e.acked
	for end := time.Now().Add(20 * time.Second); e.acked == full && time.Now().Before(end); {
		e.emit(t)
	}
	if e.acked == full {
		t.Fatalf("nothing is accepted though there is room again; %d refused", e.refused)
	}
	e.close(t)
	e.check(t, store)
	t.Logf("%d events acknowledged, %d refused", e.acked, e.refused)
}

// smallEmitter emits one event at a time, and waits for the answer.
type smallEmitter struct {
	q                       *queue.Queue
	session                 *queue.Session
	emitted, acked, refused uint64
	code                    framing.Code
	kept                    []uint64
}

func newSmallEmitter(t *testing.T, dir string) *smallEmitter {
	q, err := queue.New(&queue.Config{Store: open(t, dir, small), Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	if err != nil {
		t.Fatal(err)
	}
	return &smallEmitter{q: q, session: q.Attach(&queue.SessionConfig{Origin: 7})}
}

func (e *smallEmitter) emit(t *testing.T) {
	t.Helper()
	e.emitted++
	err := e.session.Publish(&framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 7, Sequence: e.emitted, Topic: []byte("news"), Payload: make([]byte, 1000),
	})
	if err != nil {
		t.Fatal(err)
	}
	e.session.Commit()
	e.session.Settle()
	var c queue.Chunk
	refused := false
	for e.session.Take(&c) {
		for b := c.Control; len(b) > 0; {
			f, n, err := framing.Parse(b, len(b))
			if err != nil {
				t.Fatal(err)
			}
			if f.Kind == framing.KindNack {
				refused, e.code = true, f.Code
			}
			b = b[n:]
		}
		e.session.Sent(&c)
	}
	if refused {
		e.refused++
		return
	}
	e.acked++
	e.kept = append(e.kept, e.emitted)
}

func (e *smallEmitter) close(t *testing.T) {
	e.session.Close()
	if err := e.q.Close(); err != nil {
		t.Error("Close() = ", err)
	}
}

// check opens the store again and compares it with what was acknowledged.
func (e *smallEmitter) check(t *testing.T, dir string) {
	s, err := disk.Open(dir, small)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []uint64
	err = s.Read("news", 0, func(_ uint64, frame []byte) bool {
		f, _, err := framing.Parse(frame, len(frame))
		if err != nil {
			t.Error(err)
		}
		got = append(got, f.Sequence)
		return true
	})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(e.kept) {
		t.Errorf("%d events, %v, want the %d that were acknowledged", len(got), err, len(e.kept))
	}
}
