package edge

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// pending is what was emitted and not acknowledged, oldest first. The places
// of its events count up from the client's first.
type pending struct {
	events []emitted
	first  uint64 // place of events[0]
	sent   uint64 // place of what leaves next on this connection
	bytes  int
	closed bool
	sound  string // the topic checked last

	acked   map[uint16]uint64 // by stream, the number acknowledged last
	refused uint64            // events that the server did not accept, since the last Flush
	code    framing.Code
}

// emitted is an event to emit, perhaps more than once.
type emitted struct {
	sequence uint64
	at       time.Time
	topic    string
	payload  []byte
}

func (e *emitted) size() int { return framing.MinSize + len(e.topic) + len(e.payload) }

func (p *pending) end() uint64 { return p.first + uint64(len(p.events)) }

// Emit takes an event and returns its sequence. It leaves as soon as there is
// a connection, and again on the next one until it is acknowledged. Emit
// waits only while UnackedBytes wait.
func (r *Reconnecting) Emit(topic string, payload []byte) (uint64, error) {
	e := emitted{at: r.config.Clock.Now(), topic: topic, payload: bytes.Clone(payload)}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.pending
	for r.err == nil && !p.closed && len(p.events) > 0 && p.bytes+e.size() > r.config.UnackedBytes {
		r.changed.Wait()
	}
	if err := r.emittable(&e); err != nil {
		return 0, err
	}
	e.sequence = r.numbering.Next(topic)
	p.events = append(p.events, e)
	p.bytes += e.size()
	r.changed.Broadcast()
	return e.sequence, nil
}

// emittable returns why an event cannot be emitted. The caller holds mu.
func (r *Reconnecting) emittable(e *emitted) error {
	switch {
	case r.pending.closed:
		return ErrClosed
	case r.err != nil:
		return r.err
	case r.client != nil && e.size() > r.client.Limit():
		return &framing.SizeError{Size: uint64(e.size()), Limit: uint64(r.client.Limit())}
	case r.client == nil && e.size() > r.config.FrameLimit:
		return &framing.SizeError{Size: uint64(e.size()), Limit: uint64(r.config.FrameLimit)}
	case e.topic == r.pending.sound && e.topic != "":
		return nil
	}
	if err := queue.CheckTopic(e.topic); err != nil {
		return err
	}
	r.pending.sound = e.topic
	return nil
}

// pump emits what is pending on one connection, for as long as it is in use.
func (r *Reconnecting) pump(c Connection) {
	for {
		batch := r.toSend(c)
		if batch == nil {
			return
		}
		for i := range batch {
			e := &batch[i]
			if c.EmitAs(e.sequence, e.at, e.topic, e.payload) != nil {
				return // the connection is over; the next one begins with what is not acknowledged
			}
			if r.config.Forgetful {
				r.acknowledged(e.sequence)
			}
		}
	}
}

const pumpEvents = 256 // taken at a time

// toSend waits for events to emit on a connection, nil when it is over.
func (r *Reconnecting) toSend(c Connection) []emitted {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.pending
	for r.client == c && r.err == nil && p.sent == p.end() {
		r.changed.Wait()
	}
	if r.client != c || r.err != nil {
		return nil
	}
	from := p.sent - p.first
	batch := append([]emitted(nil), p.events[from:min(from+pumpEvents, uint64(len(p.events)))]...)
	p.sent += uint64(len(batch))
	return batch
}

// acknowledged lets go of what the server has answered for.
func (r *Reconnecting) acknowledged(sequence uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.pending
	if p.acked == nil {
		p.acked = make(map[uint16]uint64)
	}
	stream, number := framing.SplitSequence(sequence)
	p.acked[stream] = max(p.acked[stream], number)
	done := 0
	for done < len(p.events) && p.isAcked(&p.events[done]) {
		p.bytes -= p.events[done].size()
		p.events[done] = emitted{}
		done++
	}
	p.events = p.events[done:]
	p.first += uint64(done)
	p.sent = max(p.sent, p.first)
	r.changed.Broadcast()
}

func (p *pending) isAcked(e *emitted) bool {
	stream, number := framing.SplitSequence(e.sequence)
	return number <= p.acked[stream]
}

func (r *Reconnecting) refused(n uint64, code framing.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending.refused += n
	r.pending.code = code
}

// Flush waits until the server has acknowledged everything emitted before the
// call, on whichever connection. It fails with [*UnacceptedError] if the
// server refused some.
func (r *Reconnecting) Flush(ctx context.Context) error {
	defer r.wakeWith(ctx)()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.pending
	for end := p.end(); p.first < end; r.changed.Wait() {
		if r.err != nil {
			return fmt.Errorf("%d events were not acknowledged: %w", end-p.first, r.err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d events are not acknowledged: %w", end-p.first, context.Cause(ctx))
		}
	}
	if n := p.refused; n > 0 {
		p.refused = 0
		return &UnacceptedError{Events: n, Code: p.code}
	}
	return nil
}

// emitNoMore refuses events from now on, and acknowledges what is finished.
func (r *Reconnecting) emitNoMore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ackFinished()
	r.pending.closed = true
	r.changed.Broadcast()
}

// Request emits an event and waits for the first reply to it, on the
// connection there is, or will be. One
// that breaks meanwhile ends it: nobody knows whether somebody was asked.
func (r *Reconnecting) Request(ctx context.Context, topic string, payload []byte) (Event, error) {
	c, err := r.connected(ctx)
	if err != nil {
		return Event{}, err
	}
	return c.RequestAs(ctx, r.sequence("?"+topic), topic, payload)
}

// Reply answers a request on the connection there is, if it is that on which
// the request came.
func (r *Reconnecting) Reply(request *Event, payload []byte) error {
	if !request.Request {
		return ErrNoRequest
	}
	c, err := r.connected(r.ctx)
	if err != nil {
		return err
	}
	return c.ReplyAs(r.sequence(""), request, payload)
}

func (r *Reconnecting) sequence(stream string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.numbering.Next(stream)
}
