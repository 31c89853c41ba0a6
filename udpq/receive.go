package udpq

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

const (
	ackEvents   = 32 // stored events between two acks
	ackInterval = 20 * time.Millisecond
)

// Next returns the next event. When the conversation is over and everything
// received has been returned, it fails: with [*ClosedError] if the server
// ended it, [ErrSilent] or [ErrNobody] if it has gone, [ErrClosed] if Close
// did. A stored event is acknowledged when Next is called again, or Close:
// until then it is the application's, which therefore calls Next from one
// goroutine. A gap is told by the Missed of the event that follows it.
func (c *Client) Next(ctx context.Context) (Event, error) {
	for {
		c.mu.Lock()
		if c.acks.FinishReturned() {
			c.ackSoon()
		}
		c.mu.Unlock()
		e, err := c.inbox.Next(ctx)
		if err == nil {
			c.returns(&e)
		}
		if err != nil || !e.Duplicate || !c.config.Deduplicate {
			return e, err
		}
	}
}

// returns notes that the application has got an event.
func (c *Client) returns(e *Event) {
	c.mu.Lock()
	c.acks.Return(e)
	c.mu.Unlock()
	if c.link != nil && c.link.bounds() {
		c.link.done(e.Cost())
		c.link.answer()
	}
}

// ackSoon acknowledges after some events or some time. The caller holds mu.
func (c *Client) ackSoon() {
	switch {
	case c.err != nil:
	case c.acks.Finished() >= ackEvents:
		c.ackFinished()
	case c.ackTimer == nil:
		c.ackTimer = c.config.Clock.AfterFunc(ackInterval, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.ackFinished()
		})
	}
}

// ackFinished acknowledges what is finished. The caller holds mu. An ack that
// is lost, or refused by the kernel, is made good by the next one.
func (c *Client) ackFinished() {
	if c.ackTimer != nil {
		c.ackTimer.Stop()
		c.ackTimer = nil
	}
	if c.err != nil {
		return
	}
	c.acks.Take(func(topic string, offset uint64) {
		c.send(&framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: offset, Topic: []byte(topic)})
	})
}

// read is the goroutine that obeys datagrams until the conversation is over.
func (c *Client) read() {
	var end error
	for end == nil {
		l := c.line.Load()
		batch, err := l.receive()
		if err != nil && c.line.Load() != l {
			continue // it was replaced
		}
		if err != nil {
			end = c.unread(err)
			continue
		}
		c.probes = 0
		c.heard.Store(true)
		now := c.config.Clock.Now()
		for i := 0; i < len(batch) && end == nil; i++ {
			end = c.open(now, batch[i].b)
		}
		if c.link != nil {
			c.link.answer()
		}
	}
	c.fail(end)
}

// unread sorts an error of the socket. That an earlier datagram was refused
// is no end yet: the server may be about to start. But who keeps alive asks
// at once, and takes several refusals in a row for an answer.
func (c *Client) unread(err error) error {
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("receiving: %w", err)
	}
	c.refusals.Add(1)
	if c.config.KeepAlive < 0 || !c.welcomed.Load() {
		return nil
	}
	if c.probes++; c.probes > maxRefusals {
		return fmt.Errorf("%w there any more (connection refused)", ErrNobody)
	}
	c.ping()
	return nil
}

func (c *Client) open(now time.Time, datagram []byte) error {
	if !c.link.bare() {
		return c.openLinked(now, datagram)
	}
	return c.openFrames(datagram, true)
}

// obey acts on one frame. An error ends the conversation.
func (c *Client) obey(f *framing.Frame) error {
	switch f.Kind {
	case framing.KindEvent:
		if f.Flags&framing.FlagReply != 0 {
			return c.replies.TakeReply(c.origin, f)
		}
		c.deliver(f)
	case framing.KindFragment:
		return c.obeyFragment(f)
	case framing.KindWelcome:
		c.requests.Answer(f.Sequence, edge.Answer{Frame: f.Clone()})
	case framing.KindReceipt:
		return c.requests.Receipt(f, c.config.OnReceipt)
	case framing.KindAck:
		if f.Origin != c.origin {
			c.requests.Answer(f.Sequence, edge.Answer{Frame: f.Clone()})
		} else if c.config.hooks != nil {
			c.config.hooks.Acked(f.Sequence)
		}
	case framing.KindNack:
		return c.notAccepted(f)
	case framing.KindError:
		return c.refusedBy(f)
	case framing.KindPong:
		c.path.answered(f.Sequence)
	case framing.KindPing:
		return c.say(&framing.Frame{Kind: framing.KindPong, Sequence: f.Sequence, Time: f.Time})
	case framing.KindBye:
		return &ClosedError{Code: f.Code, Words: string(f.Payload)}
	}
	return nil // or a kind that a later server sends
}

// refusedBy sorts an error: of an event, which stays lost; of a request; or
// of everything.
func (c *Client) refusedBy(f *framing.Frame) error {
	switch {
	case f.Code == framing.CodeRetry:
		c.requests.Answer(f.Sequence, edge.Answer{Frame: f.Clone()})
	case f.Origin != 0 && string(f.Payload) == noSession:
		c.seek()
	case f.Origin == c.origin && f.Sequence != 0:
		if !c.replies.Answer(f.Sequence, edge.Answer{Err: &RefusedError{Code: f.Code, Words: string(f.Payload)}}) {
			return c.notAccepted(f)
		}
	case f.Sequence != 0:
		c.requests.Answer(f.Sequence, edge.Answer{Err: &RefusedError{Code: f.Code, Words: string(f.Payload)}})
	case isStranger(f) && c.welcomed.Load():
		c.seek()
	default:
		return &ClosedError{Code: f.Code, Words: string(f.Payload)}
	}
	return nil
}

// isStranger reports whether an error says that the server does not know the
// session, or not by this address. There may have been no room for words.
func isStranger(f *framing.Frame) bool {
	return f.Code == framing.CodeUnauthorized && (len(f.Payload) == 0 || string(f.Payload) == noSession)
}

// notAccepted notes events of this client's that the server did not accept,
// or stored ones that it has no more.
func (c *Client) notAccepted(f *framing.Frame) error {
	if f.Kind == framing.KindNack && f.Flags&framing.FlagOffset != 0 {
		return edge.TellLost(f, c.config.OnLost)
	}
	n := uint64(1)
	if r, err := framing.ParseRanges(f.Payload); err == nil && f.Kind == framing.KindNack {
		n = r.Total()
	}
	if c.config.hooks != nil {
		c.config.hooks.Refused(n, f.Code)
	}
	return nil
}

func (c *Client) deliver(f *framing.Frame) {
	v := c.tracker.See(f.Origin, f.Sequence)
	if v.Missed > 0 && c.config.OnGap != nil {
		c.config.OnGap(Gap{Origin: f.Origin, From: f.Sequence - v.Missed, To: f.Sequence})
	}
	if c.config.OnEvent == nil {
		if c.link != nil && c.link.bounds() {
			c.kept += c.inbox.PutNow(f, v)
		} else {
			c.inbox.Put(f, v)
		}
		return
	}
	if !v.Duplicate || !c.config.Deduplicate {
		c.config.OnEvent(f)
	}
	if f.Offset > 0 && c.config.hooks == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.acks.Finish(f.Topic, f.Offset)
		c.ackSoon()
	}
}
