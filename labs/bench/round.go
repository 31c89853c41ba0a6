package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"rawlab/internal/machine"
)

const (
	flushTime = 30 * time.Second       // for a server to acknowledge what it was sent
	quietTime = 250 * time.Millisecond // without a delivery: what has not come is lost
	longSleep = 10 * time.Millisecond  // an emitter looks up so often whether it should stop
)

// plan is what one round emits over one transport.
type plan struct {
	events   int           // of all pairs, if not 0
	duration time.Duration // else
}

// round is what one round measured.
type round struct {
	delivered      uint64
	took           time.Duration // until the last delivery
	client, server time.Duration // processor time
}

// run emits as planned over every pair at once, waits for what arrives, and
// measures.
func (s *session) run(ctx context.Context, p plan) (round, error) {
	before, err := s.usage()
	if err != nil {
		return round{}, err
	}
	start := s.clock.now()
	err = s.emit(ctx, p, start)
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return round{}, err
	}
	after, err := s.usage()
	if err != nil {
		return round{}, err
	}
	r := round{delivered: after.delivered - before.delivered, client: after.client - before.client, server: after.server - before.server}
	if r.delivered > 0 {
		r.took = after.last.Sub(start)
	}
	return r, nil
}

// usage is the state of all counters at one moment.
type usage struct {
	delivered      uint64
	last           time.Time
	client, server time.Duration
}

func (s *session) usage() (usage, error) {
	r, err := s.server.report()
	if err != nil {
		return usage{}, err
	}
	u := usage{server: time.Duration(r.CPU)}
	for _, p := range s.pairs {
		t, last := p.recorder.state()
		u.delivered += t.delivered
		if last.After(u.last) {
			u.last = last
		}
	}
	u.client, err = machine.CPUTime()
	return u, err
}

// emit lets all emitters run and waits for them.
func (s *session) emit(ctx context.Context, p plan, start time.Time) error {
	var running sync.WaitGroup
	behind := make([]*hdrhistogram.Histogram, len(s.pairs))
	errs := make([]error, len(s.pairs))
	for i, pair := range s.pairs {
		running.Go(func() {
			precisely(func() { behind[i], errs[i] = s.emitter(i, pair, p, start).run(ctx) })
		})
	}
	running.Wait()
	for i := range s.pairs {
		if errs[i] != nil {
			return fmt.Errorf("emitting over %s: %w", s.transport, errs[i])
		}
		s.sum.behind.Merge(behind[i])
	}
	return nil
}

// emitter is one pair's part of a round.
type emitter struct {
	pair     *pair
	plan     plan
	clock    anchored
	start    time.Time
	interval time.Duration // between two events, 0 as fast as possible
	payload  []byte
}

// emitter spreads the rate over the pairs, which take turns.
func (s *session) emitter(i int, p *pair, plan plan, start time.Time) *emitter {
	e := &emitter{pair: p, plan: plan, clock: s.clock, start: start, payload: make([]byte, s.config.Size)}
	if n := len(s.pairs); plan.events > 0 {
		e.plan.events = (plan.events + n - 1 - i) / n
	}
	if s.rate > 0 {
		e.interval = time.Duration(float64(len(s.pairs)) / s.rate * float64(time.Second))
		e.start = start.Add(e.interval * time.Duration(i) / time.Duration(len(s.pairs)))
	}
	return e
}

// run emits and returns how late events were emitted.
func (e *emitter) run(ctx context.Context) (*hdrhistogram.Histogram, error) {
	behind := newHistogram()
	for k := 0; e.plan.events == 0 || k < e.plan.events; k++ {
		due, ok := e.wait(ctx, k)
		if !ok {
			break
		}
		if e.interval > 0 {
			record(behind, e.clock.now().Sub(due))
		}
		sequence, err := e.pair.emitter.EmitAt(due, e.pair.topic, e.payload)
		if sequence == 0 {
			return behind, err
		}
		e.pair.emitted++
		e.pair.measured++
		if err != nil { // the kernel refused this one event
			e.pair.refused++
		}
	}
	return behind, nil
}

// wait waits until event k is due and returns when that is, or false at the
// end of the round.
func (e *emitter) wait(ctx context.Context, k int) (time.Time, bool) {
	now := e.clock.now()
	due := now
	if e.interval > 0 {
		due = e.start.Add(time.Duration(k) * e.interval)
	}
	if ctx.Err() != nil || e.plan.events == 0 && (due.Sub(e.start) >= e.plan.duration || now.Sub(e.start) >= e.plan.duration) {
		return due, false
	}
	for ; now.Before(due); now = e.clock.now() {
		sleep(min(due.Sub(now), longSleep))
		if ctx.Err() != nil {
			return due, false
		}
	}
	return due, true
}

// settle waits until everything emitted is delivered, or nothing comes any
// more. What is on its way when ctx ends is waited for too: it was emitted.
func (s *session) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	for _, p := range s.pairs {
		if err := p.emitter.Flush(ctx); err != nil {
			return fmt.Errorf("flushing over %s: %w", s.transport, err)
		}
		p.settle()
	}
	return nil
}

func (p *pair) settle() {
	done := p.recorder.await(p.measured)
	quiet := time.NewTicker(quietTime)
	defer quiet.Stop()
	before, _ := p.recorder.state()
	for {
		select {
		case <-done:
			return
		case <-quiet.C:
			now, _ := p.recorder.state()
			if now == before {
				return
			}
			before = now
		}
	}
}
