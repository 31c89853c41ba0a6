package labs

import (
	"context"
	"errors"
	"time"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/internal/clock"
)

// alphabet is a payload of that many bytes.
func alphabet(size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte('a' + i%26)
	}
	return payload
}

// emit sends n events, each at its time; what is late goes at once, and its
// latency counts from when it was meant to go.
func (x *transfer) emit(ctx context.Context, n int) error {
	payload := alphabet(x.options.Size)
	already := len(x.input.Emissions)
	interval := float64(time.Second) / x.options.Pace
	start := x.clock.Now()
	defer func() { x.emitting = [2]time.Time{start, x.clock.Now()} }()
	for i := range n {
		due := start.Add(time.Duration(float64(i) * interval))
		if err := x.wait(ctx, due.Sub(x.clock.Now())); err != nil {
			return err
		}
		if x.options.stopped() {
			return errStopped
		}
		if x.body != nil {
			payload = x.body(already + i)
		}
		if err := x.emitOne(ctx, due, payload); err != nil {
			return err
		}
		if i%256 == 0 {
			x.options.progress(x.title(), x.delivered())
		}
	}
	return ctx.Err()
}

// wait lets d pass, if it is positive and ctx has not ended.
func (x *transfer) wait(ctx context.Context, d time.Duration) error { return pause(ctx, x.clock, d) }

func pause(ctx context.Context, c clock.Clock, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// emitOne emits one event. An error of plain UDP costs that event; one of TCP
// or of a rung ends the connection, and the account shows it.
func (x *transfer) emitOne(ctx context.Context, due time.Time, payload []byte) error {
	sequence, err := x.emitter.EmitAt(due, x.subject(), payload)
	if err != nil && x.reopen != nil && x.transport.stream {
		x.input.Broken = true
		if err := x.reopen(ctx, x); err != nil {
			return err
		}
		sequence, err = x.emitter.EmitAt(due, x.subject(), payload)
	}
	if _, tooLarge := errors.AsType[*framing.SizeError](err); tooLarge {
		return err
	}
	m, broken := x.emission(account.ID{Origin: x.origin, Sequence: sequence}, len(x.input.Emissions), due, err)
	x.input.Broken = x.input.Broken || broken
	x.input.Emissions = append(x.input.Emissions, m)
	return nil
}

// emission is what a client's log says of an event that it emitted after some
// others, given the error that it got; broken tells that its connection is
// over.
func (x *transfer) emission(id account.ID, after int, due time.Time, err error) (m account.Emission, broken bool) {
	broken = err != nil && (x.transport.stream || x.transport.rung)
	if id.Sequence == 0 {
		id.Sequence = uint64(after) + 1 // a refused event has no number of its own
	}
	return account.Emission{ID: id, Time: due, Refused: err != nil && !broken}, broken
}

// deliver is the subscriber's application: it notes the event and, if asked
// to be slow, takes its time. It runs on the client's reading goroutine.
func (x *transfer) deliver(f *framing.Frame) {
	x.mu.Lock()
	x.deliveries = append(x.deliveries, account.Delivery{ID: account.ID{Origin: f.Origin, Sequence: f.Sequence}, Time: x.clock.Now()})
	x.mu.Unlock()
	if x.options.ReaderDelay > 0 {
		<-x.clock.NewTimer(x.options.ReaderDelay).C()
	}
}

func (x *transfer) delivered() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.deliveries)
}

// owed is how many deliveries there should be of what was emitted.
func (x *transfer) owed() (n int) {
	for i := range x.input.Emissions {
		n += max(1, len(x.input.Emissions[i].To))
	}
	return n
}
