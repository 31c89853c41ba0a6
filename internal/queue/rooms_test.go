package queue_test

import (
	"fmt"
	"runtime"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// BenchmarkRoom makes a room, says something in it and leaves it.
func BenchmarkRoom(b *testing.B) {
	q, err := queue.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	s, emitter := q.Attach(nil), q.Attach(&queue.SessionConfig{Origin: 1})
	defer s.Close()
	defer emitter.Close()
	var c queue.Chunk
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		name := fmt.Appendf(nil, "room.%d", n)
		if err := s.Subscribe(name, 1, framing.Subscribe{}); err != nil {
			b.Fatal(err)
		}
		f := framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 1, Topic: name}
		if err := emitter.Publish(&f); err != nil {
			b.Fatal(err)
		}
		emitter.Commit()
		s.Unsubscribe(name)
		s.Take(&c)
	}
}

// Ten thousands of rooms at once, each with a listener, take little memory.
func TestManyRoomsAtOnce(t *testing.T) {
	const most = 2 << 10 // bytes for each, its subscription included
	rooms := 50_000
	if testing.Short() {
		rooms = 5000
	}
	q := newQueue(t, nil)
	s := q.Attach(&queue.SessionConfig{MaxSubscriptions: rooms})
	defer s.Close()
	var c queue.Chunk
	before := heap()
	for n := range rooms {
		if err := s.Subscribe(fmt.Appendf(nil, "room.%d", n), 1, framing.Subscribe{}); err != nil {
			t.Fatal(err)
		}
		s.Take(&c) // the receipt
	}
	if each := (heap() - before) / rooms; each > most {
		t.Errorf("a room takes %d bytes, want at most %d", each, most)
	}
	for n := range rooms {
		s.Unsubscribe(fmt.Appendf(nil, "room.%d", n))
	}
	if left := q.Topics(); left != 1 {
		t.Errorf("%d topics left, want the server's own", left)
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
