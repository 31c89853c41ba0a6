package tcpq

import (
	"context"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// Request emits an event and waits for the first reply to it. It goes to all
// who listen to the topic now, and is never stored. When nobody can reply it
// fails at once, with a [*RefusedError] whose code is [framing.CodeNobody] if
// nobody listens, [framing.CodeGone] if all who listened have left. Without a
// deadline in ctx it waits as long as the connection and the listeners live.
func (c *Client) Request(ctx context.Context, topic string, payload []byte) (Event, error) {
	return c.request(ctx, topic, payload, 0)
}

// request is Request under a given number, or with 0 under one of this client's.
func (c *Client) request(ctx context.Context, topic string, payload []byte, sequence uint64) (Event, error) {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagRequest, Payload: payload, Sequence: sequence}
	answer, err := c.sendRequest(&f, topic)
	if err != nil {
		return Event{}, err
	}
	return c.replies.AwaitReply(ctx, f.Sequence, answer, topic, func() { c.forget(f.Sequence) })
}

// sendRequest sends f at once, under a number of its own.
func (c *Client) sendRequest(f *framing.Frame, topic string) (<-chan edge.Answer, error) {
	if err := c.check(f, topic); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := queue.CheckTopic(topic); err != nil {
		return nil, err
	}
	if f.Sequence == 0 {
		f.Sequence = c.unaskedSequence("?" + topic) // listeners get all requests: without holes
	}
	answer := c.replies.BeginAs(f.Sequence)
	return answer, c.sendUnasked(f, topic)
}

// unaskedSequence numbers an event that the server does not acknowledge. The
// caller holds mu.
func (c *Client) unaskedSequence(stream string) uint64 {
	sequence := c.numbering.Next(stream)
	if c.unasked == nil {
		c.unasked = make(map[uint16]bool)
	}
	id, _ := framing.SplitSequence(sequence)
	c.unasked[id] = true
	return sequence
}

// sendUnasked sends an event that the server does not acknowledge, at once.
// The caller holds mu.
func (c *Client) sendUnasked(f *framing.Frame, topic string) error {
	switch {
	case c.closed:
		return ErrClosed
	case c.err != nil:
		return c.err
	}
	f.Origin, f.Time, f.Topic = c.origin, uint64(c.config.Clock.Now().UnixNano()), []byte(topic)
	err := c.gather(f)
	c.push()
	return err
}

// forget tells the server that a reply is not waited for any more.
func (c *Client) forget(sequence uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.send(&framing.Frame{Kind: framing.KindAck, Origin: c.origin, Sequence: sequence}) // an ack can always be encoded
	}
}

// ErrNoRequest means that an event is no request, so nobody waits for a reply.
var ErrNoRequest = edge.ErrNoRequest

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
	return c.reply(origin, sequence, topic, payload, 0)
}

// reply is ReplyTo under a given number, or with 0 under one of this client's.
func (c *Client) reply(origin, sequence uint64, topic string, payload []byte, number uint64) error {
	body := framing.Reply{Origin: origin, Sequence: sequence, Payload: payload}
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagReply, Payload: body.Append(nil), Sequence: number}
	if err := c.check(&f, topic); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitRoom(f.Size() + len(topic)); err != nil {
		return err
	}
	if f.Sequence == 0 {
		f.Sequence = c.unaskedSequence("") // no topic's: each requester gets its own only
	}
	return c.sendUnasked(&f, topic)
}
