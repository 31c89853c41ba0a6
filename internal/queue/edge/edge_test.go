package edge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNumberingIsUniqueAndWithoutHolesPerTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n edge.Numbering
		seen := make(map[uint64]bool)
		last := make(map[string]uint64)
		for _, topic := range rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c"})).Draw(t, "topics") {
			sequence := n.Next(topic)
			if seen[sequence] {
				t.Fatalf("sequence %d was given twice", sequence)
			}
			seen[sequence] = true
			_, number := framing.SplitSequence(sequence)
			if last[topic]++; number != last[topic] {
				t.Fatalf("number of %s = %d, want %d", topic, number, last[topic])
			}
		}
	})
}

func TestNumberingPastTheLastStream(t *testing.T) {
	var n edge.Numbering
	seen := make(map[uint64]bool)
	for round := range 2 {
		for topic := range framing.Streams + 10 {
			s := n.Next(fmt.Sprint(topic))
			if seen[s] {
				t.Fatalf("round %d, topic %d: sequence %d was given twice", round, topic, s)
			}
			seen[s] = true
		}
	}
}

func TestTracker(t *testing.T) {
	tests := map[string]struct {
		numbers []uint64
		want    edge.Counts
	}{
		"in order":              {[]uint64{1, 2, 3}, edge.Counts{Delivered: 3}},
		"starts anywhere":       {[]uint64{7, 8}, edge.Counts{Delivered: 2}},
		"a gap":                 {[]uint64{1, 5}, edge.Counts{Delivered: 2, Gaps: 1, Missing: 3}},
		"a gap filled late":     {[]uint64{1, 4, 3}, edge.Counts{Delivered: 3, Gaps: 1, Missing: 1, Reordered: 1}},
		"a duplicate":           {[]uint64{1, 2, 2, 1}, edge.Counts{Delivered: 4, Duplicates: 2}},
		"late, then duplicate":  {[]uint64{1, 3, 2, 2}, edge.Counts{Delivered: 4, Gaps: 1, Reordered: 1, Duplicates: 1}},
		"before the first seen": {[]uint64{2, 1, 1}, edge.Counts{Delivered: 3, Reordered: 1, Duplicates: 1}},
		"far ahead":             {[]uint64{1, 1 << 40}, edge.Counts{Delivered: 2, Gaps: 1, Missing: 1<<40 - 2}},
		"far behind":            {[]uint64{1, 1 << 20, 2, 2}, edge.Counts{Delivered: 4, Gaps: 1, Missing: 1<<20 - 4, Reordered: 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var tracker edge.Tracker
			for _, n := range test.numbers {
				tracker.See(1, n)
			}
			if got := tracker.Counts(); got != test.want {
				t.Errorf("Counts() = %+v, want %+v", got, test.want)
			}
		})
	}
}

// Whatever a wire loses, doubles and shuffles near each other, the tracker
// counts as a list of all that came would.
func TestTrackerAgreesWithAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tracker edge.Tracker
		var came []uint64
		next := uint64(2)
		tracker.See(1, 1)
		came = append(came, 1)
		for range rapid.IntRange(0, 200).Draw(t, "events") {
			n := next + uint64(rapid.IntRange(0, 5).Draw(t, "ahead"))
			n -= min(n-1, uint64(rapid.IntRange(0, 8).Draw(t, "back")))
			v := tracker.See(1, n)
			if want := slices.Contains(came, n); v.Duplicate != want {
				t.Fatalf("See(%d).Duplicate = %v, want %v", n, v.Duplicate, want)
			}
			came = append(came, n)
			next = max(next, n+1)
		}
		slices.Sort(came)
		distinct := uint64(len(slices.Compact(slices.Clone(came))))
		c := tracker.Counts()
		if c.Missing != next-1-distinct || c.Duplicates != uint64(len(came))-distinct {
			t.Fatalf("Counts() = %+v, want %d missing, %d duplicates", c, next-1-distinct, uint64(len(came))-distinct)
		}
	})
}

func TestTrackerKeepsOriginsAndStreamsApart(t *testing.T) {
	var tracker edge.Tracker
	for n := uint64(1); n < 10_000; n++ {
		for stream := range uint16(3) {
			if v := tracker.See(n%7, framing.Sequence(stream, (n-1)/7+1)); v.Missed > 0 {
				t.Fatalf("a gap where there is none, at %d of stream %d", n, stream)
			}
		}
	}
	if v := tracker.See(1, framing.Sequence(framing.Streams-1, 500)); v.Missed > 0 {
		t.Error("a gap in the stream that topics share")
	}
}

func TestInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := edge.NewInbox(1) // holds one event
		done := make(chan bool)
		go func() {
			for n := uint64(1); n < 4; n++ {
				b.Put(&framing.Frame{Sequence: n, Topic: []byte("t"), Payload: []byte("p")}, edge.Verdict{})
			}
			done <- b.Put(&framing.Frame{Topic: []byte("t")}, edge.Verdict{})
		}()
		synctest.Wait()
		if b.Empty() {
			t.Error("Empty() = true with an event inside")
		}
		for n := uint64(1); n < 4; n++ {
			e, err := b.Next(t.Context())
			if err != nil || e.Sequence != n || e.Topic != "t" || string(e.Payload) != "p" {
				t.Fatalf("Next() = %+v, %v, want event %d", e, err, n)
			}
			synctest.Wait()
		}
		<-done
		go func() { done <- b.Put(&framing.Frame{Topic: []byte("t")}, edge.Verdict{}) }()
		synctest.Wait() // it waits for room
		b.Close(edge.ErrClosed)
		if <-done {
			t.Error("Put() into a closed inbox = true")
		}
		if _, err := b.Next(t.Context()); err != nil {
			t.Errorf("what was inside is lost: %v", err)
		}
		if _, err := b.Next(t.Context()); !errors.Is(err, edge.ErrClosed) {
			t.Errorf("Next() = %v, want ErrClosed", err)
		}
	})
}

func TestInboxNextEndsWithItsContext(t *testing.T) {
	b := edge.NewInbox(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next() = %v, want Canceled", err)
	}
}

func TestInboxKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := edge.NewInbox(1 << 20)
		put, got := uint64(0), uint64(0)
		for _, add := range rapid.SliceOfN(rapid.Bool(), 0, 500).Draw(t, "adds") {
			if add {
				put++
				b.Put(&framing.Frame{Sequence: put}, edge.Verdict{})
			} else if !b.Empty() {
				e, _ := b.Next(context.Background())
				if got++; e.Sequence != got {
					t.Fatalf("Next() = %d, want %d", e.Sequence, got)
				}
			}
		}
	})
}

func TestRequests(t *testing.T) {
	var r edge.Requests
	first, a := r.Begin()
	second, b := r.Begin()
	if !r.Answer(second, edge.Answer{Frame: framing.Frame{Offset: 2}}) || r.Answer(second, edge.Answer{}) {
		t.Error("an answer was not taken, or taken twice")
	}
	if got := <-b; got.Frame.Offset != 2 {
		t.Errorf("the second request got %+v", got)
	}
	r.End(second)
	r.Close(edge.ErrClosed)
	if got := <-a; got.Err != edge.ErrClosed {
		t.Errorf("after Close, request %d got %+v", first, got)
	}
	if _, c := r.Begin(); (<-c).Err != edge.ErrClosed {
		t.Error("a request after Close waits")
	}
}

func TestAcker(t *testing.T) {
	var a edge.Acker
	a.Return(&edge.Event{Topic: "ignored"})
	if a.FinishReturned() {
		t.Error("an event without an offset is to be acknowledged")
	}
	a.Return(&edge.Event{Topic: "a", Offset: 3})
	a.FinishReturned()
	a.Finish([]byte("b"), 9)
	a.Finish([]byte("b"), 8)
	got := make(map[string]uint64)
	a.Take(func(topic string, offset uint64) { got[topic] = offset })
	if want := map[string]uint64{"a": 3, "b": 9}; !cmp.Equal(got, want) {
		t.Errorf("acks = %v, want %v", got, want)
	}
	if a.Finished() != 0 || a.FinishReturned() {
		t.Error("something is left after Take")
	}
}

func TestWithTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := edge.WithTimeout(t.Context(), clock.Real, time.Second, "waiting")
		defer cancel()
		<-ctx.Done()
		if err := context.Cause(ctx); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Cause() = %v, want a deadline", err)
		}
	})
}
