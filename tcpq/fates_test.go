package tcpq_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
	"rawlab/tcpq"
)

func TestReport(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, _ *tcpq.Server) {
		listener := plainClient(t, p)
		subscribe(t, listener, "news")
		c, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial, Report: true})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			if _, err := c.Emit([]string{"news", "nobody"}[n%2], nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r, err := c.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []fates.Outcome{{Received: 1, Due: 1, Forwarded: 1}, {Received: 1, Due: 1}} {
			if i == 1 {
				offline := fates.Lost(fates.Offline)
				want.Add(&offline)
			}
			topic := r.Topics[i]
			if len(topic.Runs) != 1 || topic.Runs[0].Count() != 5 || topic.Runs[0].Outcome != want || topic.Topic != []string{"news", "nobody"}[i] {
				t.Errorf("%+v, want 5 events with %+v", topic, want)
			}
		}
		if emitted, by := r.Counts(); emitted != 10 || by[fates.Arrived] != 10 || r.Origin != c.Origin() {
			t.Errorf("Counts() = %d, %v", emitted, by)
		}
		if _, err := listener.Report(t.Context()); !errors.Is(err, tcpq.ErrNoReport) {
			t.Errorf("Report() without having asked = %v, want ErrNoReport", err)
		}
		c.Close()
		listener.Close()
	})
}

// However often the connection breaks, the report tells of each event once.
func TestReportOverBrokenConnections(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, _ *tcpq.Server) {
		c := &cutter{pipes: p}
		emitter := reconnecting(t, c, tcpq.ReconnectConfig{ClientConfig: tcpq.ClientConfig{Report: true}})
		for n := range 100 {
			if _, err := emitter.Emit("nobody", fmt.Append(nil, n)); err != nil {
				t.Fatal(err)
			}
			if n%7 == 3 {
				c.cut(n%2 == 0)
				time.Sleep(time.Duration(n) * time.Millisecond)
				c.up()
			}
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r, err := emitter.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if runs := r.Topics[0].Runs; len(runs) != 1 || runs[0].Count() != 100 || runs[0].Outcome.Received != 1 || runs[0].Outcome.Lost(fates.Offline) != 1 {
			t.Errorf("runs = %+v, want 100 events, each received once and for nobody", runs)
		}
		emitter.Close()
	})
}

// A server that starts anew knows nothing of what the one before it had: that
// is unknown, not lost.
func TestReportOfAServerThatStartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := func() *queue.Queue {
			q, err := queue.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		first, second := q(), q()
		begin := func(q *queue.Queue) *queue.Session { return q.Attach(&queue.SessionConfig{Origin: 7}) }
		e := fates.NewEmitter(7)
		sent := []fates.SentTopic{{Topic: "news", Last: 10}}
		for i, s := range []*queue.Session{begin(first), begin(second)} {
			defer s.Close()
			time.Sleep(time.Second) // ledgers are told apart by their time
			topics := func() []fates.SentTopic { return sent[:i] }
			if err := e.Start(t.Context(), askOver(s), topics); err != nil {
				t.Fatal(err)
			}
		}
		second.Fates().AddRun(7, 11, 2, fates.Outcome{Received: 1})
		sent[0].Last = 15
		s := begin(second)
		defer s.Close()
		r, err := e.Report(t.Context(), askOver(s), sent, []fates.Span{{From: 10, To: 11}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, run := range r.Topics[0].Runs {
			got = append(got, fmt.Sprintf("%d-%d %s", run.From, run.To-1, run.Verdict))
		}
		if want := "[1-9 unknown 10-10 on-the-way 11-12 arrived 13-15 lost-on-way]"; fmt.Sprint(got) != want {
			t.Errorf("runs = %v, want %s", got, want)
		}
		if _, err := e.Report(t.Context(), askOver(begin(first)), sent, nil); !errors.Is(err, fates.ErrChanged) {
			t.Errorf("Report() from the first server = %v, want ErrChanged", err)
		}
	})
}

// askOver asks a session of a queue itself.
func askOver(s *queue.Session) fates.Asker {
	return func(_ context.Context, query []byte) ([]byte, error) {
		question := queue.NewFatesQuestion(query)
		s.TellFates(&question, "", 1000)
		var c queue.Chunk
		s.Take(&c)
		f, _, err := framing.Parse(c.Control, len(c.Control))
		if err == nil && f.Kind == framing.KindError {
			err = errors.New(string(f.Payload))
		}
		return f.Payload, err
	}
}
