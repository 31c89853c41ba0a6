package udpq

import (
	"context"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// ErrNoRequest means that an event is no request, so nobody waits for a reply.
var ErrNoRequest = edge.ErrNoRequest

// Request emits an event and waits for the first reply to it. It goes to all
// who listen to the topic now, and is never stored. When nobody can reply it
// fails at once, with a [*RefusedError] whose code is [framing.CodeNobody] if
// nobody listens, [framing.CodeGone] if all who listened have left. Request and
// reply are as sure to arrive as any event of each client's rung: bound the
// wait with a deadline in ctx.
func (c *Client) Request(ctx context.Context, topic string, payload []byte) (Event, error) {
	return c.requestAs(ctx, 0, topic, payload)
}

// requestAs is Request under a given number, or with 0 under one of this client's.
func (c *Client) requestAs(ctx context.Context, sequence uint64, topic string, payload []byte) (Event, error) {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC | framing.FlagRequest, Sequence: sequence, Payload: payload}
	var answer <-chan edge.Answer
	err := c.emitNow(&f, topic, "?"+topic, func() { answer = c.replies.BeginAs(f.Sequence) }) // listeners get all requests: without holes
	if err != nil {
		if answer != nil {
			c.replies.End(f.Sequence)
		}
		return Event{}, err
	}
	return c.replies.AwaitReply(ctx, f.Sequence, answer, topic, func() {
		c.say(&framing.Frame{Kind: framing.KindAck, Origin: c.origin, Sequence: f.Sequence}) // lost, it is of no harm
	})
}

// Reply answers a request. It leaves at once; whether the requester still
// waits for it, and no other's reply came first, is not told.
func (c *Client) Reply(request *Event, payload []byte) error {
	if !request.Request {
		return ErrNoRequest
	}
	return c.ReplyTo(request.Origin, request.Sequence, request.Topic, payload)
}

// ReplyTo is Reply for who has a request's identity and topic, say in OnEvent.
func (c *Client) ReplyTo(origin, sequence uint64, topic string, payload []byte) error {
	return c.replyAs(0, origin, sequence, topic, payload)
}

// replyAs is ReplyTo under a given number, or with 0 under one of this client's.
func (c *Client) replyAs(number, origin, sequence uint64, topic string, payload []byte) error {
	body := framing.Reply{Origin: origin, Sequence: sequence, Payload: payload}
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC | framing.FlagReply, Sequence: number, Payload: body.Append(nil)}
	return c.emitNow(&f, topic, "", func() {}) // no topic's: each requester gets its own only
}

// emitNow emits an event that is not gathered with others, under its number or
// else the next of a stream; numbered is called before it leaves.
func (c *Client) emitNow(f *framing.Frame, topic, stream string, numbered func()) error {
	if err := check(f, topic, c.maxEmit()); err != nil {
		return err
	}
	if err := queue.CheckTopic(topic); err != nil {
		return err
	}
	c.lockWithRoom(MaxEmit) // in a datagram of its own
	defer c.mu.Unlock()
	switch {
	case c.last:
		return ErrClosed
	case c.err != nil:
		return c.err
	}
	f.Origin, f.Topic = c.origin, []byte(topic)
	f.Time = uint64(c.config.Clock.Now().UnixNano())
	if f.Sequence == 0 {
		f.Sequence = c.numbering.Next(stream)
	}
	numbered()
	if err := c.flush(); err != nil && c.link != nil {
		return err
	}
	return c.sendEvent(f, c.carry)
}

// emitAs emits an event that has its number already, and wants the server's
// acknowledgement if wanted.
func (c *Client) emitAs(sequence uint64, at time.Time, topic string, payload []byte, wanted bool) error {
	f := framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: c.origin, Sequence: sequence, Time: uint64(at.UnixNano()), Payload: payload,
	}
	if wanted {
		f.Flags |= framing.FlagWantAck
	}
	if err := check(&f, topic, c.maxEmit()); err != nil {
		return err
	}
	_, err := c.emit(&f, topic)
	return err
}
