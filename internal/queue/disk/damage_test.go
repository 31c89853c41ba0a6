package disk_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue/disk"
	"rawlab/internal/queue/storetest"
)

const events = 600

// filled returns a disk with events 1 to 600 of topic "a": most in blocks,
// the last in the journal, as after a power failure with nothing on its way.
func filled(t *testing.T) *faulty {
	t.Helper()
	d := newFaulty()
	s, err := disk.OpenFiles(d, small)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Open(t, s, "a")
	for n := uint64(1); n <= events; n += 3 {
		if err := storetest.Append(s, "a", storetest.Start, storetest.Frames(7, n, n+3), 3); err != nil {
			t.Fatal(err)
		}
	}
	s.Settle()
	after := d.copyOf()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return after
}

// read returns how many events the topic holds, each as it was appended.
func read(s *disk.Store) (n uint64, err error) {
	err = s.Read("a", 0, func(offset uint64, frame []byte) bool {
		n++
		want := string(storetest.Frames(7, n, n+1))
		if offset != n || string(frame) != want {
			err = fmt.Errorf("offset %d, want event %d, holds %q", offset, n, frame)
		}
		return err == nil
	})
	return n, err
}

// Whatever byte of whatever file changes: the store is refused, with the file
// and the place, or holds what was acknowledged, but for the last group, whose
// damage looks like a write that was cut short.
func TestAByteChanges(t *testing.T) {
	healthy := filled(t)
	r := rand.New(rand.NewPCG(1, 2))
	tries, refused := 4000, 0
	if testing.Short() {
		tries = 400
	}
	names := slices.Sorted(maps.Keys(healthy.names))
	for try := range tries {
		d := healthy.copyOf()
		name := names[r.IntN(len(names))]
		b := d.names[name].data
		at := r.IntN(len(b))
		b[at] ^= 1 << r.IntN(8)
		s, err := disk.OpenFiles(d, small)
		if err != nil {
			if damage, ok := errors.AsType[*disk.DamageError](err); !ok || damage.File == "" {
				t.Fatalf("try %d: byte %d of %s: Open() = %v, want a DamageError", try, at, name, err)
			}
			refused++
			continue
		}
		if n, err := read(s); err != nil || n < events-3 {
			t.Errorf("try %d: byte %d of %s: %d events, %v, want %d or the last three less", try, at, name, n, err, events)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused < tries/20 {
		t.Errorf("%d of %d changes were noticed", refused, tries)
	}
}

func TestAFileIsGoneOrShort(t *testing.T) {
	healthy := filled(t)
	for name := range healthy.names {
		for _, size := range []int{-1, 0, len(healthy.names[name].data) / 2} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				d := healthy.copyOf()
				if size < 0 {
					delete(d.names, name)
				} else {
					d.names[name].data = d.names[name].data[:size]
				}
				s, err := disk.OpenFiles(d, small)
				if err == nil {
					n, err := read(s)
					t.Errorf("Open() with the file at %d bytes holds %d events, %v, want a DamageError", size, n, err)
					s.Close()
				} else if damage, ok := errors.AsType[*disk.DamageError](err); !ok || damage.File == "" || !strings.Contains(err.Error(), damage.File) {
					t.Errorf("Open() = %v, want a DamageError that names a file", err)
				}
			})
		}
	}
}

func TestOtherFiles(t *testing.T) {
	d := newFaulty()
	if _, err := d.Create("holiday.jpg"); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.OpenFiles(d, small); err == nil || !strings.Contains(err.Error(), "holiday.jpg") {
		t.Errorf("Open() of a folder with other files = %v, want a refusal that names one", err)
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if _, err := disk.Open(dir, small); err == nil {
		t.Error("a second store opened the folder")
	} else if _, ok := errors.AsType[*disk.InUseError](err); !ok {
		t.Errorf("Open() twice = %v, want InUseError", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, small)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What a store held it holds again: logs, where they begin, cursors, origins,
// epoch.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	epoch := s.Epoch()
	for life := range uint64(5) {
		if got := s.Opened(); got.Made != (life == 0) || got.Events != 100*life-min(100*life, 20*life) || s.Epoch() != epoch {
			t.Errorf("life %d: Opened() = %+v with epoch %x, want %d events, %x", life, got, s.Epoch(), 80*life, epoch)
		}
		storetest.Open(t, s, "a")
		from := 1 + 100*life
		if err := storetest.Append(s, "a", storetest.Start, storetest.Frames(7, from, from+100), 100); err != nil {
			t.Fatal(err)
		}
		if err := s.Trim("a", 1+20*(life+1)); err != nil {
			t.Fatal(err)
		}
		if err := s.SetCursor("a", "ada", from); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, small)
		if first, next := s.Bounds("a"); first != 1+20*(life+1) || next != from+100 {
			t.Errorf("life %d: Bounds() = %d, %d", life, first, next)
		}
		if got := storetest.Cursors(t, s, "a")["ada"]; got != from {
			t.Errorf("life %d: cursor at %d, want %d", life, got, from)
		}
		if got := storetest.Origins(t, s, "a"); len(got) != 1 || got[0] != [2]uint64{7, from + 99} {
			t.Errorf("life %d: Origins() = %v", life, got)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// While the disk is full, appends are refused once the journal is, and
// nothing acknowledged is lost; when there is room again, all goes on.
func TestFullDisk(t *testing.T) {
	d := newFaulty()
	s, err := disk.OpenFiles(d, small)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Open(t, s, "a")
	d.setRoom(0)
	n := uint64(1)
	for ; n < 10_000; n++ {
		if err = storetest.Append(s, "a", storetest.Start, storetest.Frames(7, n, n+1), 1); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("Append() to a full disk = %v, want no space left", err)
	}
	acked := n - 1
	d.setRoom(1 << 30)
	for err != nil { // the mover looks again by itself
		err = storetest.Append(s, "a", storetest.Start, storetest.Frames(7, n, n+1), 1)
	}
	if got, err := read(s); err != nil || got != acked+1 {
		t.Errorf("%d events, %v, want %d", got, err, acked+1)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (d *faulty) setRoom(room int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = room
}

// Small logs and long ones share data files, and trims leave most of them
// dead: the folder does not grow without end.
func TestDeadBytesAreGivenBack(t *testing.T) {
	d := newFaulty()
	s, err := disk.OpenFiles(d, small)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Open(t, s, "a")
	storetest.Open(t, s, "still")
	var answers sync.WaitGroup
	payload := func(topic string, n uint64) {
		f := framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: n, Topic: []byte(topic), Payload: make([]byte, 1000)}
		b, _ := f.Append(nil)
		answers.Add(1)
		s.Append(topic, storetest.Start, b, 1, func(_ []byte, err error) {
			if err != nil {
				t.Errorf("Append() = %v", err)
			}
			answers.Done()
		})
	}
	for n := uint64(1); n <= 5000; n++ {
		payload("a", n)
		if n%50 == 0 {
			payload("still", n)
			answers.Wait()
			if err := s.Trim("a", n); err != nil {
				t.Fatal(err)
			}
		}
	}
	answers.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var size int
	for name, n := range d.names {
		if strings.HasPrefix(name, "data-") {
			size += len(n.data)
		}
	}
	if live := 100 * 1100; size > 2*live+3*64<<10 {
		t.Errorf("data files have %d bytes, of which at most %d are alive", size, live)
	}
}
