package edge

import (
	"context"

	"rawlab/framing"
)

// Subscribe starts the delivery of a topic. From then on it is made again on
// every connection.
func (r *Reconnecting) Subscribe(ctx context.Context, topic string) (Receipt, error) {
	return r.SubscribeFrom(ctx, topic, framing.Subscribe{})
}

// SubscribeFrom is Subscribe with a resume point that the client has kept, or
// with wishes; on later connections it goes on behind the last event received.
func (r *Reconnecting) SubscribeFrom(ctx context.Context, topic string, wish framing.Subscribe) (Receipt, error) {
	r.want(wanted{topic: topic, wish: wish}) // from now on, whatever becomes of this connection
	for {
		c, err := r.connected(ctx)
		if err != nil {
			return Receipt{}, err
		}
		receipt, err := c.SubscribeFrom(ctx, topic, wish)
		switch {
		case err == nil:
			r.want(wanted{topic, wish, receipt.To - receipt.Replayed})
			return receipt, nil
		case !r.replaced(c):
			r.wantNoMore(topic)
			return receipt, err
		}
	}
}

// replaced reports whether a connection is not in use any more, though the
// client is.
func (r *Reconnecting) replaced(c Connection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.client != c && r.err == nil
}

func (r *Reconnecting) want(w wanted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs = append(r.without(w.topic), w)
}

func (r *Reconnecting) wantNoMore(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs = r.without(topic)
}

// without returns the subscriptions but that to a topic. The caller holds mu.
func (r *Reconnecting) without(topic string) []wanted {
	var left []wanted
	for _, s := range r.subs {
		if s.topic != topic {
			left = append(left, s)
		}
	}
	return left
}

// Unsubscribe stops the delivery of a topic. What is on its way still comes.
func (r *Reconnecting) Unsubscribe(ctx context.Context, topic string) error {
	r.wantNoMore(topic)
	c, err := r.connected(ctx)
	if err != nil {
		return err
	}
	return c.Unsubscribe(ctx, topic)
}

// received takes an event from a connection.
func (r *Reconnecting) received(f *framing.Frame) {
	if f.Offset > 0 {
		next := r.next[string(f.Topic)]
		if f.Offset < next && f.Flags&framing.FlagRedelivered == 0 {
			return // a pattern begins at its cursor again: this one is here already
		}
		r.next[string(f.Topic)] = max(next, f.Offset+1)
	}
	v := r.tracker.See(f.Origin, f.Sequence)
	if v.Missed > 0 && r.config.OnGap != nil {
		r.config.OnGap(Gap{Origin: f.Origin, From: f.Sequence - v.Missed, To: f.Sequence})
	}
	r.mu.Lock()
	r.counts = r.tracker.Counts()
	r.mu.Unlock()
	r.inbox.Put(f, v)
}

// Next returns the next event, over all connections. A stored event is
// acknowledged when Next is called again, or Close: until then it is the
// application's, which therefore calls Next from one goroutine.
func (r *Reconnecting) Next(ctx context.Context) (Event, error) {
	for {
		r.handOver()
		e, err := r.inbox.Next(ctx)
		if err != nil {
			return e, err
		}
		r.mu.Lock()
		r.acks.Return(&e)
		r.mu.Unlock()
		if !e.Duplicate || !r.config.Deduplicate {
			return e, nil
		}
	}
}

const ackEvents = 64 // events taken by Next between two acks while more are waiting

// handOver notes that the application has finished with the last event.
func (r *Reconnecting) handOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.acks.FinishReturned() && (r.acks.Finished() >= ackEvents || r.inbox.Empty()) {
		r.ackFinished()
	}
}

// ackFinished acknowledges what is finished. The caller holds mu.
func (r *Reconnecting) ackFinished() {
	r.acks.Take(func(topic string, offset uint64) {
		r.finished[topic] = max(r.finished[topic], offset)
		if r.client != nil {
			r.client.AckUpTo(topic, offset)
		}
	})
}

// ackAgain acknowledges on a new connection what was finished: the last one
// may have broken before the server knew.
func (r *Reconnecting) ackAgain(c Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, offset := range r.finished {
		c.AckUpTo(topic, offset)
	}
}

func (r *Reconnecting) forgetFinished() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.finished)
}

// Stats returns what the numbers of received events have told so far.
func (r *Reconnecting) Stats() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}
