package udpq_test

import (
	"sync"
	"testing"
	"time"

	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
	"rawlab/udpq"
)

// What meets a full receive buffer is told by number and time, and the numbers
// of the events themselves by what did not come: both agree.
func TestReportTellsOfAFullReceiveBuffer(t *testing.T) {
	stuck, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := serve(t, &udpq.Config{ReceiveBuffer: 8 << 10, Trace: func(e queue.TraceEvent) {
		if e.Stage == queue.Received && e.Sequence == 10 {
			once.Do(func() { close(stuck); <-goOn })
		}
	}})
	c := dial(t, s, &udpq.ClientConfig{Report: true})
	before := time.Now()
	for n := range 10 {
		emit(t, c, "news", n)
	}
	<-stuck
	const events = 1000 // far more than the buffer holds
	for n := 10; n < events; n++ {
		emit(t, c, "news", n)
	}
	close(goOn)
	var r *fates.Report
	for last := uint64(0); ; { // until what was in the buffer is out of it
		var err error
		if r, err = c.Report(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, by := r.Counts()
		if by[fates.Arrived] == last {
			break
		}
		last = by[fates.Arrived]
	}
	emitted, by := r.Counts()
	if emitted != events || by[fates.LostOnWay] == 0 || by[fates.LostOnWay]+by[fates.Arrived] != events {
		t.Fatalf("%d emitted: %v", emitted, by)
	}
	told := uint64(0)
	for _, u := range r.Unplaced {
		told += u.Count
		if u.Fate != fates.ReceiveBuffer || u.From.After(u.To) || u.To.Before(before) || u.To.After(r.At) {
			t.Errorf("unplaced %+v, begun at %v, told at %v", u, before, r.At)
		}
	}
	if told < by[fates.LostOnWay] || told != s.Stats().Overflow { // a question that met the full buffer counts too
		t.Errorf("%d met a full buffer, the kernel told of %d, %d are lost", told, s.Stats().Overflow, by[fates.LostOnWay])
	}
}
