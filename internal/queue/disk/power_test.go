package disk_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/disk"
)

// event is one event of the model.
type event struct{ origin, sequence uint64 }

// ledger is what a store has promised about one topic.
type ledger struct {
	mu      sync.Mutex
	visible map[uint64]event // by offset, as told of
	next    uint64           // behind the last one
	acked   map[event]bool
	refused int
	trimmed uint64            // the most that a trim was asked for
	cursors map[string]uint64 // that a Sync has made safe
	moved   map[string]uint64 // the latest of them
}

func newLedger() *ledger {
	return &ledger{
		visible: make(map[uint64]event), next: 1, acked: make(map[event]bool), trimmed: 1,
		cursors: make(map[string]uint64), moved: make(map[string]uint64),
	}
}

func (l *ledger) grown(first uint64, frames []byte, count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range count {
		f, n, err := framing.Parse(frames, len(frames))
		if err != nil || first != l.next {
			panic(fmt.Sprintf("grown at %d, want %d: %v", first, l.next, err))
		}
		l.visible[first] = event{f.Origin, f.Sequence}
		frames = frames[n:]
		first++
		l.next = first
	}
}

// check compares a store that was opened again with what was promised.
func (l *ledger) check(s *disk.Store, topic string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, next := s.Bounds(topic)
	if first > l.trimmed || next < l.next {
		return fmt.Errorf("bounds %d, %d, want at most %d, at least %d", first, next, l.trimmed, l.next)
	}
	offset := first
	last := make(map[uint64]uint64)
	err := s.Read(topic, 0, func(at uint64, frame []byte) bool {
		f, _, err := framing.Parse(frame, len(frame))
		e := event{f.Origin, f.Sequence}
		known, seen := l.visible[at]
		switch {
		case err != nil, at != offset, seen && known != e, e.sequence <= last[e.origin]:
			offset = 0
			return false
		case !seen: // it was on its way: safe, but nobody knew
			l.visible[at] = e
		}
		last[e.origin] = e.sequence
		offset++
		return true
	})
	if err != nil || offset != next {
		return fmt.Errorf("log [%d, %d) is not what was visible: wrong at %d, %v", first, next, offset, err)
	}
	l.next = next
	there := make(map[event]bool)
	for _, e := range l.visible {
		there[e] = true
	}
	for e := range l.acked {
		if !there[e] {
			return fmt.Errorf("event %d of origin %d was acknowledged and is not there", e.sequence, e.origin)
		}
	}
	return l.checkCursors(s, topic)
}

func (l *ledger) checkCursors(s *disk.Store, topic string) error {
	got := make(map[string]uint64)
	if err := s.Cursors(topic, func(client string, next uint64) { got[client] = next }); err != nil {
		return err
	}
	for client, next := range l.cursors {
		if got[client] < next {
			return fmt.Errorf("cursor of %s at %d, was safe at %d", client, got[client], next)
		}
	}
	for client, next := range got {
		if next > l.moved[client] {
			return fmt.Errorf("cursor of %s at %d, was never past %d", client, next, l.moved[client])
		}
	}
	return nil
}

// history is one seed's topics over several lives of a store.
type history struct {
	r       *rand.Rand
	topics  map[string]*ledger
	numbers map[uint64]uint64
	cycles  int
}

// live uses a store until its power fails.
func (h *history) live(s *disk.Store, d *faulty, steps int) {
	var answers sync.WaitGroup
	for range steps {
		topic := fmt.Sprint("topic ", h.r.IntN(3))
		l := h.topics[topic]
		switch h.r.IntN(12) {
		case 0:
			answers.Wait()
		case 1:
			h.moveCursor(s, l, topic)
		case 2:
			first, err := s.Excess(topic, 1+h.r.IntN(300), 0, time.Time{})
			if err == nil && first > 1 {
				l.trimmed = max(l.trimmed, first)
				s.Trim(topic, first) // it may fail: then more is left
			}
		case 3:
			d.mu.Lock()
			if d.room = 1 << 40; h.r.IntN(2) == 0 {
				d.room = int64(h.r.IntN(100_000))
			}
			d.mu.Unlock()
		default:
			h.emit(s, l, topic, &answers)
		}
	}
	answers.Wait()
}

func (h *history) emit(s *disk.Store, l *ledger, topic string, answers *sync.WaitGroup) {
	origin := 1 + h.r.Uint64N(4)
	count := 1 + h.r.IntN(5)
	var frames []byte
	var events []event
	for range count {
		h.numbers[origin]++
		f := framing.Frame{
			Kind: framing.KindEvent, Origin: origin, Sequence: h.numbers[origin], Topic: []byte(topic), Payload: make([]byte, h.r.IntN(2000)),
		}
		frames, _ = f.Append(frames)
		events = append(events, event{origin, f.Sequence})
	}
	answers.Add(1)
	s.Append(topic, time.Unix(int64(h.cycles), 0), frames, count, func(_ []byte, err error) {
		defer answers.Done()
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, e := range events {
			if err == nil {
				l.acked[e] = true
			} else {
				l.refused++
			}
		}
	})
}

func (h *history) moveCursor(s *disk.Store, l *ledger, topic string) {
	client := fmt.Sprint("client ", h.r.IntN(3))
	next := l.moved[client] + h.r.Uint64N(10)
	l.moved[client] = next
	if s.SetCursor(topic, client, next) == nil && h.r.IntN(2) == 0 && s.Sync() == nil {
		l.cursors[client] = next
	}
}

// begin opens the store; while the power lasts it must not fail, but for room.
func (h *history) begin(d *faulty) (*disk.Store, error) {
	s, err := disk.OpenFiles(d, small)
	if err != nil {
		return nil, err
	}
	for topic, l := range h.topics {
		l.visible = maps.Clone(l.visible)
		if err := l.check(s, topic); err != nil {
			s.Close()
			return nil, fmt.Errorf("%s: %w", topic, err)
		}
		if err := s.Open(topic, l.grown); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// powerFails runs a few lives that end at random operations.
func powerFails(seed uint64) (acked, refused int, err error) {
	h := &history{r: rand.New(rand.NewPCG(seed, 1)), topics: make(map[string]*ledger), numbers: make(map[uint64]uint64)}
	for i := range 3 {
		h.topics[fmt.Sprint("topic ", i)] = newLedger()
	}
	d := newFaulty()
	for h.cycles = range 4 {
		d.left = 20 + h.r.IntN(150)
		if s, err := h.begin(d); err == nil {
			h.live(s, d, 20+h.r.IntN(300))
			if h.r.IntN(4) == 0 {
				s.Close()
			}
			d.mu.Lock()
			d.left = 0
			d.mu.Unlock()
			s.Close()
		} else if d.left >= 0 && !isRoom(err) {
			return 0, 0, fmt.Errorf("life %d: %w", h.cycles, err)
		}
		d = d.restart(h.r)
	}
	s, err := h.begin(d)
	if err != nil {
		return 0, 0, fmt.Errorf("in the end: %w", err)
	}
	for _, l := range h.topics {
		acked, refused = acked+len(l.acked), refused+l.refused
	}
	return acked, refused, s.Close()
}

func isRoom(err error) bool { return slices.Contains([]error{syscall.ENOSPC}, err) }

// Wherever the power fails, and whatever of the unsynced is lost: what was
// acknowledged is there once and in order, and what was seen is unchanged.
func TestPowerFails(t *testing.T) {
	seeds := uint64(3000)
	if testing.Short() {
		seeds = 100
	}
	var acked, refused int
	for seed := range seeds {
		a, b, err := powerFails(seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		acked, refused = acked+a, refused+b
	}
	if acked == 0 || refused == 0 {
		t.Errorf("%d events acknowledged, %d refused: the test tries nothing", acked, refused)
	}
	t.Logf("%d seeds: %d events acknowledged, %d refused", seeds, acked, refused)
}
