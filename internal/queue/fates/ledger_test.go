package fates_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/fates"
)

const origin = 77

// asking returns what asks a book as a client would, with that limit.
func asking(b *fates.Book, limit int) func(context.Context, []byte) ([]byte, error) {
	return func(_ context.Context, query []byte) ([]byte, error) {
		var q fates.Query
		if err := json.Unmarshal(query, &q); err != nil {
			return nil, err
		}
		a, err := b.Answer(origin, "", q, limit)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	}
}

func begun(t interface{ Fatal(...any) }, b *fates.Book) *fates.Ledger {
	l, err := b.Begin(origin, "")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func nothing(t interface{ Fatal(...any) }) *fates.Known {
	b := fates.NewBook(nil)
	begun(t, b)
	k, err := fates.Gather(context.Background(), origin, asking(b, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Whatever is noted in whatever order, each event's part of the report is the
// sum of what was noted of it, in answers of any size.
func TestReportLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := fates.NewBook(nil)
		begun(t, b)
		const streams, last = 3, 40
		var want [streams][last + 1]fates.Outcome
		for range rapid.IntRange(0, 60).Draw(t, "notes") {
			what := drawOutcome(t)
			id, from := rapid.IntRange(0, streams-1).Draw(t, "stream"), rapid.IntRange(1, last).Draw(t, "from")
			count := rapid.IntRange(1, last+1-from).Draw(t, "count")
			b.AddRun(origin, framing.Sequence(uint16(id), uint64(from)), uint64(count), what)
			for n := from; n < from+count; n++ {
				want[id][n].Add(&what)
			}
		}
		k, err := fates.Gather(context.Background(), origin, asking(b, rapid.IntRange(0, 2000).Draw(t, "limit")))
		if err != nil {
			t.Fatal(err)
		}
		sent := fates.Sent{Origin: origin, Refused: nothing(t), OnTheWay: nothing(t)}
		for id := range streams {
			sent.Topics = append(sent.Topics, fates.SentTopic{Topic: fmt.Sprint(id), Stream: uint16(id), Last: last})
		}
		r := fates.Join(&sent, k)
		for id, topic := range r.Topics {
			next := framing.Sequence(uint16(id), 1)
			for i, run := range topic.Runs {
				if run.From != next || run.To <= run.From {
					t.Fatalf("run %d of stream %d = %d to %d, want it to begin at %d", i, id, run.From, run.To, next)
				}
				for ; next < run.To; next++ {
					_, n := framing.SplitSequence(next)
					if run.Outcome != want[id][n] || (run.Verdict == fates.LostOnWay) != (want[id][n] == fates.Outcome{}) {
						t.Fatalf("event %d of stream %d: %v %+v, want %+v", n, id, run.Verdict, run.Outcome, want[id][n])
					}
				}
				if i > 0 && run.Outcome == topic.Runs[i-1].Outcome {
					t.Fatalf("runs %d and %d are alike", i-1, i)
				}
			}
			if next != framing.Sequence(uint16(id), last+1) {
				t.Fatalf("stream %d ends before %d, want %d", id, next, last+1)
			}
		}
	})
}

func drawOutcome(t *rapid.T) fates.Outcome {
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		return fates.Outcome{Received: 1}
	case 1:
		return fates.Outcome{Due: uint32(rapid.IntRange(1, 3).Draw(t, "due"))}
	case 2:
		return fates.Outcome{Forwarded: 1}
	case 3:
		return fates.Lost(fates.Expired)
	}
	return fates.Lost(fates.Offline)
}

// What one end knows beats what the other does not, and nothing is guessed.
func TestVerdicts(t *testing.T) {
	b := fates.NewBook(nil)
	begun(t, b)
	b.AddRun(origin, 1, 2, fates.Outcome{Received: 1})
	b.AddRun(origin, 6, 1, fates.Outcome{Received: 1, Due: 2, Forwarded: 1})
	refused, waits := fates.NewBook(nil), fates.NewBook(nil)
	begun(t, refused)
	begun(t, waits)
	refused.AddRun(origin, 5, 2, fates.Lost(fates.SendRefused)) // 6 came all the same
	waits.AddRun(origin, 8, 2, fates.Outcome{Due: 1})
	know := func(b *fates.Book) *fates.Known {
		k, err := fates.Gather(t.Context(), origin, asking(b, 1<<10))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	r := fates.Join(&fates.Sent{
		Origin: origin, Refused: know(refused), OnTheWay: know(waits),
		Topics: []fates.SentTopic{{Topic: "news", Last: 10, Before: 3}, {Topic: "unused", Stream: 1}},
	}, know(b))
	if len(r.Topics) != 1 || r.Topics[0].Emitted != 10 {
		t.Fatalf("topics = %+v, want news alone", r.Topics)
	}
	var got []string
	for _, run := range r.Topics[0].Runs {
		got = append(got, fmt.Sprintf("%d-%d %s %d", run.From, run.To-1, run.Verdict, run.Outcome.Waiting()))
	}
	want := []string{"1-2 arrived 1", "3-3 unknown 0", "4-4 lost-on-way 0", "5-5 send-refused 0", "6-6 arrived 1", "7-7 lost-on-way 0", "8-9 on-the-way 0", "10-10 lost-on-way 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if n := r.Waiting(); n != 5 {
		t.Errorf("Waiting() = %d, want 5: 1, 2, 6, 8 and 9", n)
	}
}

// Over the bound the lowest numbers are forgotten, and said to be.
func TestForgetting(t *testing.T) {
	b := fates.NewBook(nil)
	begun(t, b)
	const last = 2*fates.MaxRuns + 1000
	for n := uint64(1); n <= last; n += 2 { // every second is lost
		b.AddRun(origin, n, 1, fates.Outcome{Received: 1})
	}
	k, err := fates.Gather(t.Context(), origin, asking(b, 32<<10))
	if err != nil {
		t.Fatal(err)
	}
	runs := fates.Join(&fates.Sent{Refused: nothing(t), OnTheWay: nothing(t), Topics: []fates.SentTopic{{Last: last}}}, k).Topics[0].Runs
	if runs[0].Verdict != fates.UnknownFate || runs[0].From != 1 || runs[0].Count() < 1000 || runs[0].Count() > last-fates.MaxRuns/4*3 {
		t.Errorf("first run = %+v, want some thousand unknown", runs[0])
	}
	for _, run := range runs[1:] {
		want := fates.LostOnWay
		if run.From%2 == 1 {
			want = fates.Arrived
		}
		if run.Count() != 1 || run.Verdict != want {
			t.Fatalf("run = %+v, want event %d %s", run, run.From, want)
		}
	}
	b.AddRun(origin, 3, 1, fates.Outcome{Received: 1}) // too late to be known
	if again, err := fates.Gather(t.Context(), origin, asking(b, 1<<20)); err != nil || again.Ledger != k.Ledger {
		t.Errorf("Gather() = %+v, %v", again, err)
	}
}

// What is forgotten between two parts is unknown, not lost.
func TestForgettingBetweenParts(t *testing.T) {
	b := fates.NewBook(nil)
	begun(t, b)
	for n := uint64(1); n <= 1000; n += 2 {
		b.AddRun(origin, n, 1, fates.Outcome{Received: 1})
	}
	parts := 0
	k, err := fates.Gather(t.Context(), origin, func(ctx context.Context, query []byte) ([]byte, error) {
		if parts++; parts == 2 {
			for n := uint64(1001); n <= 2*fates.MaxRuns; n += 2 {
				b.AddRun(origin, n, 1, fates.Outcome{Received: 1})
			}
		}
		return asking(b, 1000)(ctx, query)
	})
	if err != nil {
		t.Fatal(err)
	}
	runs := fates.Join(&fates.Sent{Refused: nothing(t), OnTheWay: nothing(t), Topics: []fates.SentTopic{{Last: 2 * fates.MaxRuns}}}, k).Topics[0].Runs
	unknown := 0
	for _, run := range runs {
		if run.Verdict == fates.UnknownFate {
			unknown++
		} else if run.Count() > 1 {
			t.Errorf("run = %+v, want single events", run)
		}
	}
	if runs[0].Verdict != fates.Arrived || unknown != 1 {
		t.Errorf("%d unknown runs, the first is %+v, want one behind what was told first", unknown, runs[0])
	}
}

func TestLedgersAreBounded(t *testing.T) {
	b := fates.NewBook(nil)
	var first *fates.Ledger
	for n := range fates.MaxLedgers {
		l, err := b.Begin(uint64(n)+1, "")
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = l
		}
	}
	if _, err := b.Begin(1<<20, ""); !errors.Is(err, fates.ErrCrowd) {
		t.Errorf("Begin() of one more = %v, want ErrCrowd", err)
	}
	b.End(first)
	if _, err := b.Begin(1<<20, ""); err != nil {
		t.Errorf("Begin() when one has gone = %v", err)
	}
	if _, err := b.Answer(1, "", fates.Query{From: 1}, 1000); !errors.Is(err, fates.ErrNone) {
		t.Errorf("Answer() about who has gone = %v, want ErrNone", err)
	}
}

func TestOwner(t *testing.T) {
	b := fates.NewBook(nil)
	if b.Active() {
		t.Error("an empty book is active")
	}
	l, err := b.Begin(origin, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Begin(origin, "bob"); !errors.Is(err, fates.ErrOwner) {
		t.Errorf("Begin() by another = %v, want ErrOwner", err)
	}
	if _, err := b.Answer(origin, "", fates.Query{}, 1000); !errors.Is(err, fates.ErrOwner) {
		t.Errorf("Answer() to another = %v, want ErrOwner", err)
	}
	b.AddRun(origin, 1, 1, fates.Outcome{Received: 1})
	b.End(l)
	again, err := b.Begin(origin, "ada")
	if err != nil || again != l {
		t.Errorf("Begin() on return = %v, %v, want the same ledger", again, err)
	}
}

// Counts without numbers keep their sum and never claim a time too short.
func TestUnplaced(t *testing.T) {
	at := time.Unix(1000, 0)
	c := clock.NewVirtual(at)
	b := fates.NewBook(c)
	begun(t, b)
	second := func(n int) time.Time { return at.Add(time.Duration(n) * time.Second) }
	for _, n := range []int{1, 10, 20, 30, 31} {
		b.Place(0, fates.ReceiveBuffer, uint64(n), second(n), second(n).Add(time.Second/2))
	}
	b.Place(origin, fates.FrameInvalid, 3, second(2), second(3))
	b.Place(origin+1, fates.FrameInvalid, 3, second(2), second(3))
	k, err := fates.Gather(t.Context(), origin, asking(b, 100))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range k.Unplaced {
		got = append(got, fmt.Sprintf("%d %s %v-%v", u.Count, u.Fate, u.From.Sub(at), u.To.Sub(at)))
	}
	want := []string{
		"3 frame-invalid 2s-3s", "1 receive-buffer 1s-1.5s", "10 receive-buffer 10s-10.5s",
		"20 receive-buffer 20s-20.5s", "61 receive-buffer 30s-31.5s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unplaced (-want +got):\n%s", diff)
	}
}

// An answer from a server that is wrong, or worse, is refused.
func TestHostileAnswers(t *testing.T) {
	for name, answers := range map[string][]string{
		"no JSON":            {`{`},
		"unknown fate":       {`{"outcomes":[{"fates":{"mislaid":1}}]}`},
		"no such outcome":    {`{"streams":[{"from":1,"known":1,"runs":[1,0]}]}`},
		"empty run":          {`{"outcomes":[{}],"streams":[{"from":1,"known":1,"runs":[0,0]}]}`},
		"beyond the numbers": {`{"outcomes":[{}],"streams":[{"from":1,"known":1,"runs":[281474976710656,0]}]}`},
		"overflow":           {`{"outcomes":[{}],"streams":[{"from":1,"known":1,"runs":[5,0,18446744073709551615,0]}]}`},
		"begins nowhere":     {`{"outcomes":[{}],"streams":[{"from":7,"known":1,"runs":[5,0]}]}`},
		"tells twice": {
			`{"outcomes":[{}],"streams":[{"from":1,"known":1,"runs":[5,0]}],"next":6}`,
			`{"outcomes":[{}],"streams":[{"from":3,"known":1,"runs":[5,0]}]}`,
		},
		"goes round":     {`{"next":5}`, `{"next":5}`},
		"another ledger": {`{"ledger":"a","next":5}`, `{"ledger":"b"}`},
	} {
		_, err := fates.Gather(t.Context(), origin, func(context.Context, []byte) ([]byte, error) {
			if len(answers) == 0 {
				t.Fatalf("%s: asked once more", name)
			}
			a := answers[0]
			answers = answers[1:]
			return []byte(a), nil
		})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
