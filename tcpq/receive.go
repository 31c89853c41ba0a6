package tcpq

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

const ackEvents = 64 // events taken by Next between two acks while more are waiting

// Subscribe starts the delivery of a topic, or of all topics of a pattern such
// as orders.* or orders.>. The receipt says what a client with a name missed
// while it was away; that of a pattern counts over all its topics.
func (c *Client) Subscribe(ctx context.Context, topic string) (Receipt, error) {
	return c.SubscribeFrom(ctx, topic, framing.Subscribe{})
}

// SubscribeFrom is Subscribe with a resume point that the client has kept, or
// with wishes: how sure it wants to be of each event, how many may be on the
// way unacknowledged, what happens when it is too slow.
func (c *Client) SubscribeFrom(ctx context.Context, topic string, wish framing.Subscribe) (Receipt, error) {
	f, err := c.ask(ctx, &framing.Frame{Kind: framing.KindSubscribe, Topic: []byte(topic), Payload: wish.Append(nil)})
	if err != nil {
		return Receipt{}, fmt.Errorf("subscribing to %q: %w", topic, err)
	}
	return framing.ParseReceipt(f.Payload)
}

// Unsubscribe stops the delivery of a topic. What is on its way still comes.
func (c *Client) Unsubscribe(ctx context.Context, topic string) error {
	_, err := c.ask(ctx, &framing.Frame{Kind: framing.KindUnsubscribe, Topic: []byte(topic)})
	return err
}

// ask sends a request and waits for its answer.
func (c *Client) ask(ctx context.Context, f *framing.Frame) (framing.Frame, error) {
	number, answer := c.requests.Begin()
	defer c.requests.End(number)
	f.Sequence = number
	c.mu.Lock()
	err := c.gather(f)
	c.push()
	c.mu.Unlock()
	if err != nil {
		return framing.Frame{}, err
	}
	select {
	case a := <-answer:
		return a.Frame, a.Err
	case <-ctx.Done():
		return framing.Frame{}, context.Cause(ctx)
	}
}

// Next returns the next event. When the conversation is over and everything
// received has been returned, it fails: with [*ClosedError] if the
// server ended it, [ErrClosed] if Close did. A stored event is acknowledged
// when Next is called again, or Close: until then it is the application's,
// which therefore calls Next from one goroutine.
func (c *Client) Next(ctx context.Context) (Event, error) {
	for {
		c.handOver()
		e, err := c.inbox.Next(ctx)
		if err == nil {
			c.mu.Lock()
			c.acks.Return(&e)
			c.mu.Unlock()
		}
		if err != nil || !e.Duplicate || !c.config.Deduplicate {
			return e, err
		}
	}
}

// handOver notes that the application has finished with the last event.
func (c *Client) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acks.FinishReturned() && (c.acks.Finished() >= ackEvents || c.inbox.Empty()) {
		c.ackFinished()
	}
}

// ackFinished acknowledges what is finished. The caller holds mu.
func (c *Client) ackFinished() {
	c.acks.Take(func(topic string, offset uint64) {
		c.send(&framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: offset, Topic: []byte(topic)}) // encodable: the topic came in a frame
	})
}

// Stats returns what the numbers of received events have told so far.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// read is the goroutine that obeys frames until the conversation is over.
func (c *Client) read() {
	var end error
	var f framing.Frame // one for all, since OnEvent lets it escape
	for end == nil {
		ready, err := c.reader.Take(&f)
		switch {
		case ready:
			end = c.obey(&f)
			continue
		case err == nil:
			c.chunkRead()
			f = framing.Frame{} // or it would keep a buffer that is another's by then
			err = c.reader.Await()
		}
		if err != nil {
			end = broken(err)
		}
	}
	c.chunkRead()
	c.fail(end)
}

func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server closed the connection without a bye")
	}
	return fmt.Errorf("connection to the server broke: %w", err)
}

// chunkRead does what need not be done for every event.
func (c *Client) chunkRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = c.tracker.Counts()
	if c.config.OnEvent != nil && c.err == nil {
		c.ackFinished()
	}
}

// obey acts on one frame. An error ends the conversation.
func (c *Client) obey(f *framing.Frame) error {
	switch f.Kind {
	case framing.KindEvent:
		if f.Flags&framing.FlagReply != 0 {
			return c.replies.TakeReply(c.origin, f)
		}
		c.deliver(f)
	case framing.KindAck:
		if f.Origin != c.origin {
			c.requests.Answer(f.Sequence, edge.Answer{Frame: f.Clone()})
			return nil
		}
		c.acknowledged(f.Sequence)
	case framing.KindReceipt:
		return c.requests.Receipt(f, c.config.OnReceipt)
	case framing.KindNack:
		if f.Flags&framing.FlagOffset != 0 {
			return edge.TellLost(f, c.config.OnLost)
		}
		c.notAccepted(f)
	case framing.KindError:
		return c.refusedBy(f)
	case framing.KindPing:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.send(&framing.Frame{Kind: framing.KindPong, Sequence: f.Sequence, Time: f.Time})
	case framing.KindBye:
		return &ClosedError{Code: f.Code, Words: string(f.Payload)}
	}
	return nil // a pong, or a kind that a later server sends
}

// refusedBy sorts an error: of an event, of a request, or of everything.
func (c *Client) refusedBy(f *framing.Frame) error {
	switch {
	case f.Origin == c.origin && f.Sequence != 0:
		if !c.replies.Answer(f.Sequence, edge.Answer{Err: &RefusedError{Code: f.Code, Words: string(f.Payload)}}) {
			c.notAccepted(f)
		}
	case f.Sequence != 0:
		c.requests.Answer(f.Sequence, edge.Answer{Err: &RefusedError{Code: f.Code, Words: string(f.Payload)}})
	default:
		return &ClosedError{Code: f.Code, Words: string(f.Payload)}
	}
	return nil
}

func (c *Client) deliver(f *framing.Frame) {
	v := c.tracker.See(f.Origin, f.Sequence)
	if v.Missed > 0 && c.config.OnGap != nil {
		c.config.OnGap(Gap{Origin: f.Origin, From: f.Sequence - v.Missed, To: f.Sequence})
	}
	if c.config.OnEvent == nil {
		c.inbox.Put(f, v)
		return
	}
	if !v.Duplicate || !c.config.Deduplicate {
		c.config.OnEvent(f)
	}
	if f.Offset > 0 && !c.config.handsOn {
		c.mu.Lock()
		c.acks.Finish(f.Topic, f.Offset)
		c.mu.Unlock()
	}
}
