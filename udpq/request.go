package udpq

import (
	"context"
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

const (
	maxRetryInterval = 3 * time.Second
	maxRefusals      = 3 // tries that the server's host refused in a row: nobody is there
)

// Subscribe starts the delivery of a topic. The receipt says what a client
// with a name missed while it was away.
func (c *Client) Subscribe(ctx context.Context, topic string) (Receipt, error) {
	return c.SubscribeFrom(ctx, topic, framing.Subscribe{})
}

// SubscribeFrom is Subscribe with a resume point that the client has kept.
func (c *Client) SubscribeFrom(ctx context.Context, topic string, from framing.Subscribe) (Receipt, error) {
	f, err := c.ask(ctx, &framing.Frame{Kind: framing.KindSubscribe, Topic: []byte(topic), Payload: from.Append(nil)})
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

// ask sends a request until it is answered.
func (c *Client) ask(ctx context.Context, f *framing.Frame) (framing.Frame, error) {
	return c.askTimes(ctx, f, c.config.Tries)
}

func (c *Client) askTimes(ctx context.Context, f *framing.Frame, tries int) (framing.Frame, error) {
	number, answer := c.requests.Begin()
	defer c.requests.End(number)
	f.Sequence = number
	wait := c.config.RetryInterval
	refused := 0
	for range tries {
		before := c.refusals.Load()
		err := c.say(f)
		a, answered := c.await(ctx, answer, wait)
		if answered {
			return a.Frame, a.Err
		}
		if refused++; c.refusals.Load() == before {
			refused = 0
		}
		if refused == maxRefusals {
			return framing.Frame{}, fmt.Errorf("%w there (connection refused)", ErrNobody)
		}
		if err != nil && refused == 0 {
			return framing.Frame{}, err
		}
		wait = min(2*wait, max(maxRetryInterval, c.config.RetryInterval))
	}
	return framing.Frame{}, fmt.Errorf("%w to %d tries", ErrNoAnswer, tries)
}

// askOpenly is askTimes for what the server answers only to who shows that its
// address is its own, by the cookie that it is sent there first. Seal completes
// f for the cookie it bears.
func (c *Client) askOpenly(ctx context.Context, f *framing.Frame, tries int, seal func()) (framing.Frame, error) {
	f.Flags |= framing.FlagOffset
	for range c.config.Tries {
		seal()
		a, err := c.askTimes(ctx, f, tries)
		if err != nil || a.Code != framing.CodeRetry {
			return a, err
		}
		f.Offset = a.Offset
	}
	return framing.Frame{}, fmt.Errorf("%w: the server asks for another cookie each time", ErrNoAnswer)
}

// await waits for an answer until it is time to ask again.
func (c *Client) await(ctx context.Context, answer <-chan edge.Answer, wait time.Duration) (edge.Answer, bool) {
	t := c.config.Clock.NewTimer(wait)
	defer t.Stop()
	select {
	case a := <-answer:
		return a, true
	case <-ctx.Done():
		return edge.Answer{Err: context.Cause(ctx)}, true
	case <-t.C():
		return edge.Answer{}, false
	}
}

// ping asks whether the server is there and knows this client by its address.
func (c *Client) ping() error {
	return c.say(&framing.Frame{Kind: framing.KindPing, Origin: c.origin})
}

const maxSilence = 3 // pings unanswered

// keepAlive pings, so that the server keeps the session and this end notices
// when it is gone.
func (c *Client) keepAlive() {
	for silent := 0; ; {
		c.pause(c.config.KeepAlive)
		if c.isOver() {
			return
		}
		if c.heard.Swap(false) {
			silent = 0
		} else if silent++; silent > maxSilence {
			c.fail(fmt.Errorf("%w: %d pings unanswered", ErrSilent, maxSilence))
			return
		} else {
			c.seek()
		}
		c.ping() // an error here is silence too
	}
}
