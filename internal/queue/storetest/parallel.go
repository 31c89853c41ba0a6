package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// manyAtOnce has several origins append to several topics without waiting.
// Every event is there once, and in order of its origin.
func manyAtOnce(t *testing.T, s queue.Store) {
	const topics, emitters, each = 5, 8, 50
	for i := range topics {
		Open(t, s, fmt.Sprint(i))
	}
	var all, answers sync.WaitGroup
	for origin := range uint64(emitters) {
		all.Go(func() {
			for n := range uint64(each) {
				answers.Add(1)
				s.Append(fmt.Sprint(n%topics), Start, Frames(origin, n+1, n+2), 1, func(_ []byte, err error) {
					if err != nil {
						t.Errorf("Append() = %v", err)
					}
					answers.Done()
				})
			}
		})
	}
	all.Wait()
	answers.Wait()
	for i := range topics {
		last := make(map[uint64]uint64)
		seen := 0
		err := s.Read(fmt.Sprint(i), 0, func(_ uint64, frame []byte) bool {
			f, _, err := framing.Parse(frame, len(frame))
			if err != nil || f.Sequence <= last[f.Origin] || f.Sequence%topics != uint64(i+1)%topics {
				t.Errorf("topic %d: event %d of origin %d after %d, %v", i, f.Sequence, f.Origin, last[f.Origin], err)
			}
			last[f.Origin] = f.Sequence
			seen++
			return true
		})
		if err != nil || seen != emitters*each/topics {
			t.Errorf("topic %d: %d events, %v, want %d", i, seen, err, emitters*each/topics)
		}
	}
}

// readBesideAppend reads, trims and moves cursors while the log grows.
func readBesideAppend(t *testing.T, s queue.Store) {
	const events = 2000
	Open(t, s, "a")
	var all sync.WaitGroup
	all.Go(func() {
		for n := uint64(1); n < events; n++ {
			s.Append("a", Start, Frames(7, n, n+1), 1, func(_ []byte, err error) {
				if err != nil {
					t.Errorf("Append() = %v", err)
				}
			})
		}
		if err := s.Sync(); err != nil {
			t.Errorf("Sync() = %v", err)
		}
	})
	next := uint64(1)
	for next < events {
		trimmed := false
		err := s.Read("a", next, func(offset uint64, frame []byte) bool {
			f, _, err := framing.Parse(frame, len(frame))
			if err != nil || f.Sequence != offset || offset != next {
				t.Errorf("offset %d holds event %d, %v, want %d", offset, f.Sequence, err, next)
			}
			next = offset + 1
			if trimmed = next%100 == 0; trimmed {
				return false
			}
			return true
		})
		if err != nil || t.Failed() {
			t.Fatalf("Read() = %v", err)
		}
		if trimmed {
			first, err := s.Excess("a", 50, 0, time.Time{})
			if err := s.Trim("a", min(first, next)); err != nil {
				t.Fatal(err)
			}
			if err != nil || s.SetCursor("a", "ada", next) != nil {
				t.Fatal("moving a cursor", err)
			}
		}
	}
	all.Wait()
	if _, next := s.Bounds("a"); next != events {
		t.Errorf("the log ends at %d, want %d", next, events)
	}
}

// doneMayAsk calls from grown and done what they may call.
func doneMayAsk(t *testing.T, s queue.Store) {
	ask := func() {
		first, next := s.Bounds("a")
		if first != 1 {
			t.Errorf("Bounds() = %d, %d", first, next)
		}
		err := s.Read("a", first, func(uint64, []byte) bool { return false })
		if err != nil {
			t.Errorf("Read() = %v", err)
		}
		if _, err := s.Excess("a", 1000, 0, time.Time{}); err != nil {
			t.Errorf("Excess() = %v", err)
		}
		if err := s.SetCursor("a", "ada", next); err != nil {
			t.Errorf("SetCursor() = %v", err)
		}
	}
	if err := s.Open("a", func(uint64, []byte, int) { ask() }); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	s.Append("a", Start, Frames(7, 1, 4), 3, func(frames []byte, err error) {
		ask()
		if len(frames) != len(Frames(7, 1, 4)) {
			t.Errorf("done got %d bytes, want those appended", len(frames))
		}
		answer <- err
	})
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
}
