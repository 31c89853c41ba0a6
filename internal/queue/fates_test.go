package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
	"rawlab/internal/queue/memory"
)

// askAs returns what asks about fates over a session, as that token's owner.
func askAs(s *queue.Session, owner string) func(context.Context, []byte) ([]byte, error) {
	return func(_ context.Context, query []byte) ([]byte, error) {
		f := queue.NewFatesQuestion(query)
		f.Sequence = 5
		if !queue.AsksFates(&f) {
			return nil, errors.New("not seen to be a question about fates")
		}
		s.TellFates(&f, owner, 500)
		var c queue.Chunk
		s.Take(&c)
		answer, _, err := framing.Parse(c.Control, len(c.Control))
		switch {
		case err != nil:
			return nil, err
		case answer.Kind == framing.KindError:
			return nil, fmt.Errorf("%v: %s", answer.Code, answer.Payload)
		case answer.Kind != framing.KindAck || answer.Sequence != 5 || answer.Origin != 0:
			return nil, errors.New("an answer to another question")
		}
		return answer.Payload, nil
	}
}

func beginLedger(t interface{ Fatal(...any) }, s *queue.Session) {
	if _, err := fates.Start(context.Background(), askAs(s, "")); err != nil {
		t.Fatal(err)
	}
}

// report returns what is known of the sequences [1, next) of a session's origin.
func report(t interface{ Fatal(...any) }, s *queue.Session, next uint64) []fates.Run {
	k, err := fates.Gather(context.Background(), s.Origin(), askAs(s, ""))
	if err != nil {
		t.Fatal(err)
	}
	none := fates.NewBook(nil)
	none.Begin(s.Origin(), "")
	empty, err := fates.Gather(context.Background(), s.Origin(), func(context.Context, []byte) ([]byte, error) {
		a, err := none.Answer(s.Origin(), "", fates.Query{}, 100)
		b, _ := json.Marshal(a)
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	r := fates.Join(&fates.Sent{Topics: []fates.SentTopic{{Last: next - 1}}, Refused: empty, OnTheWay: empty}, k)
	if len(r.Topics) == 0 {
		return nil
	}
	return r.Topics[0].Runs
}

// checkLedger compares the ledger with what the listeners' traces told.
func checkLedger(t *rapid.T, emitter *queue.Session, all []*listener, next uint64, policy queue.Policy) {
	var runs []fates.Run
	if next > 1 {
		runs = report(t, emitter, next)
	}
	for _, run := range runs {
		for n := run.From; n < run.To; n++ {
			var forwarded, dropped, lost uint32
			for _, l := range all {
				forwarded += timesIn(l.forwarded, n)
				dropped += timesIn(l.dropped, n)
			}
			if policy == queue.PolicyIgnore && forwarded+dropped == 0 {
				dropped = 1 // offline
			}
			for _, times := range run.Outcome.All {
				lost += times
			}
			if o := run.Outcome; o.Received != 1 || o.Due != forwarded+dropped || o.Forwarded != forwarded || lost != dropped || (o.Stored == 1) != (policy == queue.PolicyStore) {
				t.Fatalf("event %d: %+v, want %d forwarded, %d dropped", n, run.Outcome, forwarded, dropped)
			}
		}
	}
}

func timesIn(all []uint64, n uint64) (times uint32) {
	for _, m := range all {
		if m == n {
			times++
		}
	}
	return times
}

// told writes runs as a short text.
func told(runs []fates.Run) []string {
	var all []string
	for _, r := range runs {
		s := fmt.Sprintf("%d-%d %s received=%d stored=%d due=%d forwarded=%d acknowledged=%d waiting=%d", r.From, r.To-1, r.Verdict, r.Outcome.Received, r.Outcome.Stored, r.Outcome.Due, r.Outcome.Forwarded, r.Outcome.Acknowledged, r.Outcome.Waiting())
		for fate, n := range r.Outcome.All {
			s += fmt.Sprintf(" %s=%d", fate, n)
		}
		for zero := range strings.FieldsSeq(s) {
			if strings.HasSuffix(zero, "=0") {
				s = strings.Replace(s, " "+zero, "", 1)
			}
		}
		all = append(all, s)
	}
	return all
}

// Each fate that a server can give is told, with the events that met it.
func TestFatesAreTold(t *testing.T) {
	clock := &manualClock{now: time.Unix(1000, 0)}
	q := newQueue(t, &queue.Config{Clock: clock, Topics: map[string]queue.Policy{"kept": queue.PolicyStore}, Retention: queue.Retention{Age: time.Minute}})
	meter := q.NewMeter(nil, nil)
	e := q.Attach(&queue.SessionConfig{Origin: 1, Meter: meter, Deduplicate: true})
	defer e.Close()
	beginLedger(t, e)

	publish(t, e, "news", 1, 3) // nobody there
	two := []*queue.Session{q.Attach(&queue.SessionConfig{Origin: 2, OutboxBytes: 100}), q.Attach(&queue.SessionConfig{Origin: 3})}
	for _, s := range two {
		if err := s.Subscribe([]byte("news"), 1, framing.Subscribe{}); err != nil {
			t.Fatal(err)
		}
	}
	take(t, two[0])
	take(t, two[1])
	for n := uint64(5); n < 9; n++ { // 3 and 4 never came; the first has no room for 4 events
		publish(t, e, "news", n, n+1)
	}
	for _, s := range two {
		take(t, s)
	}
	publish(t, e, "news", 9, 11)
	take(t, two[0])
	two[1].Close() // has 9 and 10 unread
	two[0].Close()
	f := framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 11, Topic: []byte("secret")}
	if err := e.Refuse(&f, queue.FateUnauthorized, framing.CodeUnauthorized); err != nil {
		t.Fatal(err)
	}
	publish(t, e, "news.*", 12, 13) // no topic
	publish(t, e, "news", 11, 12)   // waits for nobody
	meter.Drop(queue.FateUnauthorized, &framing.Frame{Origin: 1, Sequence: 14})
	meter.DropForged(&framing.Frame{Origin: 1, Sequence: 15})

	ada, _ := subscribe(t, q, &queue.SessionConfig{Origin: 4, Name: "ada"}, "kept")
	publish(t, e, "kept", 16, 18)
	take(t, ada)
	for range 2 { // once more says nothing more
		if err := ada.Ack([]byte("kept"), 1); err != nil {
			t.Fatal(err)
		}
	}
	ada.Close()
	publish(t, e, "kept", 18, 19)
	clock.advance(2 * time.Minute)
	publish(t, e, "kept", 19, 20) // lets 16 to 18 expire; ada has not come for 18
	publish(t, e, "kept", 19, 20) // once more, and not accepted once more
	take(t, e)

	want := []string{
		"1-2 arrived received=1 due=1 offline=1",
		"3-4 lost-on-way",
		"5-6 arrived received=1 due=2 forwarded=1 server-queue=1",
		"7-8 arrived received=1 due=2 forwarded=2",
		"9-10 arrived received=1 due=2 forwarded=1 connection-lost=1",
		"11-11 arrived received=1 due=2 offline=1 unauthorized=1",
		"12-12 arrived received=1 due=1 frame-invalid=1",
		"13-13 lost-on-way",
		"14-14 arrived due=1 unauthorized=1",
		"15-15 lost-on-way",
		"16-16 arrived received=1 stored=1 due=1 forwarded=1 acknowledged=1",
		"17-17 arrived received=1 stored=1 due=2 forwarded=1 expired=1",
		"18-18 arrived received=1 stored=1 due=1 expired=1",
		"19-19 arrived received=1 stored=1",
		"20-20 lost-on-way",
	}
	if diff := cmp.Diff(want, told(report(t, e, 21))); diff != "" {
		t.Errorf("fates (-want +got):\n%s", diff)
	}
}

// What a full store refuses has that fate, and may be emitted once more.
func TestFatesOfAFullStore(t *testing.T) {
	q := newQueue(t, &queue.Config{Store: memory.New(100), Topics: map[string]queue.Policy{"kept": queue.PolicyStore}})
	e := q.Attach(&queue.SessionConfig{Origin: 1})
	defer e.Close()
	beginLedger(t, e)
	for n := uint64(1); n < 6; n++ {
		publish(t, e, "kept", n, n+1)
	}
	e.Settle()
	take(t, e)
	runs := told(report(t, e, 6))
	if len(runs) != 2 || !strings.HasSuffix(runs[0], "received=1 stored=1") || !strings.HasSuffix(runs[1], "received=1 due=1 server-queue=1") {
		t.Errorf("fates = %q, want some stored, then some refused", runs)
	}
}

func TestFatesAreTheOwners(t *testing.T) {
	q := newQueue(t, nil)
	ada, eve := q.Attach(&queue.SessionConfig{Origin: 1}), q.Attach(&queue.SessionConfig{Origin: 1})
	other := q.Attach(&queue.SessionConfig{Origin: 2})
	defer eve.Close()
	defer other.Close()
	if _, err := fates.Start(t.Context(), askAs(ada, "ada")); err != nil {
		t.Fatal(err)
	}
	publish(t, ada, "news", 1, 3)
	take(t, ada)
	ada.Close()
	for name, ask := range map[string]func(context.Context, []byte) ([]byte, error){
		"another token, the same origin": askAs(eve, "eve"), "no token": askAs(eve, ""), "no token, from elsewhere": askAs(other, ""),
	} {
		if _, err := fates.Gather(t.Context(), 1, ask); err == nil || !strings.Contains(err.Error(), "unauthorized") {
			t.Errorf("%s: %v, want unauthorized", name, err)
		}
	}
	if _, err := fates.Start(t.Context(), askAs(eve, "eve")); err == nil {
		t.Error("another token goes on with the ledger")
	}
	k, err := fates.Gather(t.Context(), 1, askAs(other, "ada"))
	if err != nil || k == nil {
		t.Errorf("the owner, from another session: %v", err)
	}
	if _, err := askAs(other, "")(t.Context(), []byte("{")); err == nil {
		t.Error("half a query is answered")
	}
	if _, err := fates.Gather(t.Context(), 2, askAs(other, "")); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("who never began: %v, want that nothing is known", err)
	}
}
