package queue_test

import (
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
)

func TestAgain(t *testing.T) {
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}, Retention: queue.Retention{Count: 6}})
	if err != nil {
		t.Fatal(err)
	}
	s := q.Attach(&queue.SessionConfig{Origin: 1, Checksum: true})
	defer s.Close()
	if err := s.Subscribe([]byte("news"), 1, framing.Subscribe{}); err != nil {
		t.Fatal(err)
	}
	sendEach(s)
	emitter := q.Attach(&queue.SessionConfig{Origin: 2})
	defer emitter.Close()
	for n := uint64(1); n <= 10; n++ {
		if err := emitter.Publish(&framing.Frame{Kind: framing.KindEmit, Origin: 2, Sequence: n, Topic: []byte("news")}); err != nil {
			t.Fatal(err)
		}
		emitter.Commit()
		emitter.Settle()
		sendEach(s)
	}
	for name, test := range map[string]struct {
		topic                        string
		from, to                     uint64
		limit                        int
		first, last, next, lostUntil uint64
	}{
		"all that is kept":    {"news", 7, 10, 1 << 10, 7, 9, 10, 0},
		"as many as fit":      {"news", 6, 11, 1, 6, 6, 7, 0},
		"not yet sent":        {"news", 10, 100, 1 << 10, 10, 10, 11, 0},
		"some trimmed":        {"news", 2, 7, 1 << 10, 5, 6, 7, 5},
		"not listened to":     {"other", 3, 5, 1 << 10, 0, 0, 5, 5},
		"nothing before next": {"news", 40, 50, 1 << 10, 0, 0, 11, 0},
	} {
		t.Run(name, func(t *testing.T) {
			frames, next, err := s.Again([]byte(test.topic), test.from, test.to, test.limit)
			if err != nil || next != test.next && len(frames) > 0 {
				t.Fatalf("Again() = next %d, %v, want %d", next, err, test.next)
			}
			var first, last uint64
			for b := frames; len(b) > 0; {
				f, n, err := framing.Parse(b, len(b))
				if err != nil || f.Flags != framing.FlagCRC|framing.FlagOffset|framing.FlagReplayed {
					t.Fatalf("frame %+v, %v, want one with a checksum, an offset and replayed", f, err)
				}
				if first == 0 {
					first = f.Offset
				}
				last, b = f.Offset, b[n:]
			}
			if first != test.first || last != test.last {
				t.Errorf("offsets %d to %d, want %d to %d", first, last, test.first, test.last)
			}
			var c queue.Chunk
			var until uint64
			for s.Take(&c) {
				if f, _, err := framing.Parse(c.Control, len(c.Control)); err == nil && f.Kind == framing.KindNack {
					until = f.Offset + 1
				}
			}
			if until != test.lostUntil {
				t.Errorf("told lost up to %d, want %d", until, test.lostUntil)
			}
		})
	}
}
