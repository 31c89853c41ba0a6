// Package storetest holds any store of a queue against what the queue expects
// of it.
package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// Run runs every test on an empty store each, which open returns.
func Run(t *testing.T, open func(t *testing.T) queue.Store) {
	for name, test := range map[string]func(*testing.T, queue.Store){
		"append and read":        appendAndRead,
		"append copies":          appendCopies,
		"excess and trim":        excessAndTrim,
		"trim everything":        trimEverything,
		"topics and cursors":     topicsAndCursors,
		"origins":                origins,
		"grown in order":         grownInOrder,
		"many at once":           manyAtOnce,
		"read beside append":     readBesideAppend,
		"done may ask the store": doneMayAsk,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			test(t, s)
			if err := s.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
	}
}

// Start is when the events of Frames come.
var Start = time.Unix(1_000_000_000, 0)

// Frames returns encoded events of an origin numbered [from, to).
func Frames(origin, from, to uint64) []byte {
	var b []byte
	for n := from; n < to; n++ {
		f := framing.Frame{Kind: framing.KindEvent, Origin: origin, Sequence: n, Topic: []byte("a"), Payload: fmt.Append(nil, "event ", n)}
		var err error
		if b, err = f.Append(b); err != nil {
			panic(err)
		}
	}
	return b
}

// Append appends and waits until it is safe.
func Append(s queue.Store, topic string, at time.Time, frames []byte, count int) error {
	answer := make(chan error, 1)
	s.Append(topic, at, frames, count, func(_ []byte, err error) { answer <- err })
	return <-answer
}

// Open opens a topic whose growth nobody is told of.
func Open(t *testing.T, s queue.Store, topic string) {
	t.Helper()
	if err := s.Open(topic, func(uint64, []byte, int) {}); err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t *testing.T, s queue.Store, topic string, origin, from, to uint64) {
	t.Helper()
	if err := Append(s, topic, Start, Frames(origin, from, to), int(to-from)); err != nil {
		t.Fatal(err)
	}
}

// contents returns the offsets from one on, and the sequences there.
func contents(t *testing.T, s queue.Store, topic string, from uint64) (offsets, sequences []uint64) {
	t.Helper()
	err := s.Read(topic, from, func(offset uint64, frame []byte) bool {
		f, n, err := framing.Parse(frame, len(frame))
		if err != nil || n != len(frame) {
			t.Errorf("offset %d: %d of %d bytes are a frame, %v", offset, n, len(frame), err)
		}
		offsets, sequences = append(offsets, offset), append(sequences, f.Sequence)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return offsets, sequences
}

func span(from, to uint64) []uint64 {
	var s []uint64
	for n := from; n < to; n++ {
		s = append(s, n)
	}
	return s
}

func wantBounds(t *testing.T, s queue.Store, topic string, first, next uint64) {
	t.Helper()
	if a, b := s.Bounds(topic); a != first || b != next {
		t.Errorf("Bounds(%q) = %d, %d, want %d, %d", topic, a, b, first, next)
	}
}

func appendAndRead(t *testing.T, s queue.Store) {
	Open(t, s, "a")
	wantBounds(t, s, "a", 1, 1)
	for n := uint64(1); n < 10; n += 3 {
		mustAppend(t, s, "a", 7, n, n+3)
	}
	wantBounds(t, s, "a", 1, 10)
	for from, want := range map[uint64][]uint64{0: span(1, 10), 1: span(1, 10), 5: span(5, 10), 9: {9}, 10: nil, 99: nil} {
		if offsets, sequences := contents(t, s, "a", from); !cmp.Equal(offsets, want) || !cmp.Equal(sequences, want) {
			t.Errorf("Read from %d = offsets %v, sequences %v, want %v", from, offsets, sequences, want)
		}
	}
	visited := 0
	if err := s.Read("a", 2, func(uint64, []byte) bool { visited++; return visited < 3 }); err != nil || visited != 3 {
		t.Errorf("Read visited %d, %v, want 3 until it was told to stop", visited, err)
	}
}

func appendCopies(t *testing.T, s queue.Store) {
	Open(t, s, "a")
	b := Frames(7, 1, 3)
	answer := make(chan error, 1)
	s.Append("a", Start, b, 2, func(_ []byte, err error) { answer <- err })
	clear(b)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	contents(t, s, "a", 1)
}

func excessAndTrim(t *testing.T, s queue.Store) {
	Open(t, s, "a")
	for i := range uint64(3) {
		if err := Append(s, "a", Start.Add(time.Duration(i)*time.Second), Frames(7, 1+3*i, 4+3*i), 3); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(len(Frames(7, 1, 2)))
	for _, test := range []struct {
		count  int
		bytes  int64
		before time.Time
		first  uint64
	}{
		{0, 0, time.Time{}, 1},
		{9, 9 * size, Start, 1},
		{8, 0, time.Time{}, 2},
		{0, 7 * size, time.Time{}, 3},
		{0, 7*size - 1, time.Time{}, 4},
		{0, 0, Start.Add(time.Second), 4},
		{1, 0, time.Time{}, 9},
		{0, 1, time.Time{}, 10},
		{0, 0, Start.Add(time.Hour), 10},
	} {
		if first, err := s.Excess("a", test.count, test.bytes, test.before); err != nil || first != test.first {
			t.Errorf("Excess(%d, %d, %v) = %d, %v, want %d", test.count, test.bytes, test.before, first, err, test.first)
		}
	}
	for _, first := range []uint64{4, 2, 6} {
		if err := s.Trim("a", first); err != nil {
			t.Fatal(err)
		}
		wantBounds(t, s, "a", max(first, 4), 10)
	}
	if got, _ := contents(t, s, "a", 1); !cmp.Equal(got, span(6, 10)) {
		t.Errorf("Read from a trimmed offset = %v, want 6 to 9", got)
	}
	if first, err := s.Excess("a", 3, 0, time.Time{}); err != nil || first != 7 {
		t.Errorf("Excess() after a trim = %d, %v, want 7", first, err)
	}
}

func trimEverything(t *testing.T, s queue.Store) {
	Open(t, s, "a")
	mustAppend(t, s, "a", 7, 1, 4)
	if err := s.Trim("a", 4); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, s, "a", 4, 4)
	mustAppend(t, s, "a", 7, 4, 5)
	if got, _ := contents(t, s, "a", 1); !cmp.Equal(got, []uint64{4}) {
		t.Errorf("after trimming all: %v, want 4", got)
	}
}

func topicsAndCursors(t *testing.T, s queue.Store) {
	for _, topic := range []string{"b", "a", "b"} {
		Open(t, s, topic)
	}
	topics := s.Topics()
	slices.Sort(topics)
	if !slices.Equal(topics, []string{"a", "b"}) {
		t.Errorf("Topics() = %v, want a and b", topics)
	}
	for client, next := range map[string]uint64{"ada": 3, "bob": 1} {
		if err := s.SetCursor("a", client, next); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetCursor("a", "ada", 5); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := Cursors(t, s, "a"); !cmp.Equal(got, map[string]uint64{"ada": 5, "bob": 1}) {
		t.Errorf("cursors = %v, want ada at 5, bob at 1", got)
	}
	if got := Cursors(t, s, "b"); len(got) > 0 {
		t.Errorf("cursors of b = %v, want none", got)
	}
	if s.Epoch() == 0 {
		t.Error("Epoch() = 0")
	}
}

// Cursors returns a topic's cursors.
func Cursors(t *testing.T, s queue.Store, topic string) map[string]uint64 {
	t.Helper()
	all := make(map[string]uint64)
	if err := s.Cursors(topic, func(client string, next uint64) { all[client] = next }); err != nil {
		t.Fatal(err)
	}
	return all
}

func origins(t *testing.T, s queue.Store) {
	Open(t, s, "a")
	mustAppend(t, s, "a", 7, 1, 4)
	mustAppend(t, s, "a", 8, 1, 3)
	mustAppend(t, s, "a", 9, framing.Sequence(2, 1), framing.Sequence(2, 6))
	mustAppend(t, s, "a", 9, 1, 2)
	mustAppend(t, s, "a", 7, 4, 6)
	want := [][2]uint64{{8, 2}, {9, framing.Sequence(2, 5)}, {9, 1}, {7, 5}}
	if got := Origins(t, s, "a"); !cmp.Equal(got, want) {
		t.Errorf("Origins() = %v, want %v", got, want)
	}
}

// Origins returns what the store remembers of origins: each with its last sequence.
func Origins(t *testing.T, s queue.Store, topic string) (all [][2]uint64) {
	t.Helper()
	if err := s.Origins(topic, func(origin, sequence uint64) { all = append(all, [2]uint64{origin, sequence}) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// growth is what grown was told.
type growth struct {
	telling atomic.Bool
	mu      sync.Mutex
	next    uint64
	errors  []string
}

func (g *growth) grown(first uint64, frames []byte, count int) {
	if g.telling.Swap(true) {
		panic("grown is told of two things at a time")
	}
	defer g.telling.Store(false)
	g.mu.Lock()
	defer g.mu.Unlock()
	if first != g.next {
		g.errors = append(g.errors, fmt.Sprintf("grown at %d, want %d", first, g.next))
	}
	for range count {
		_, n, err := framing.Parse(frames, len(frames))
		if err != nil {
			g.errors = append(g.errors, err.Error())
			break
		}
		frames = frames[n:]
	}
	if len(frames) > 0 {
		g.errors = append(g.errors, "more frames than it counts")
	}
	g.next = first + uint64(count)
}

func grownInOrder(t *testing.T, s queue.Store) {
	g := growth{next: 1}
	if err := s.Open("a", g.grown); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for origin := range uint64(4) {
		all.Go(func() {
			for n := uint64(1); n < 40; n += 2 {
				done := make(chan struct{})
				s.Append("a", Start, Frames(origin+1, n, n+2), 2, func([]byte, error) {
					g.mu.Lock()
					defer g.mu.Unlock()
					if _, next := s.Bounds("a"); g.next > next {
						g.errors = append(g.errors, fmt.Sprintf("grown up to %d, but Bounds say %d", g.next, next))
					}
					close(done)
				})
				<-done
			}
		})
	}
	all.Wait()
	if g.next != 1+4*40 || len(g.errors) > 0 {
		t.Errorf("told up to %d, want %d; %v", g.next, 1+4*40, g.errors)
	}
}
