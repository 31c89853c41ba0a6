package tcpq

import (
	"context"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// sender is what a client has emitted. The client's mu guards it.
type sender struct {
	numbering edge.Numbering
	stamp     framing.Stamp // of the topic emitted to last
	stamped   string        // that topic
	closed    bool          // Emit refuses
	acked     []uint64
	unasked   map[uint16]bool // streams of requests and replies, which are not acknowledged
	refused   uint64          // events named in nacks since the last Flush
	code      framing.Code
}

// Emit sends an event and returns its sequence. What it gathers leaves at
// once when the connection is idle, with the next write otherwise. It waits
// only while BufferBytes are waiting. Whether the server has the event, Flush
// tells.
func (c *Client) Emit(topic string, payload []byte) (uint64, error) {
	return c.EmitAt(c.config.Clock.Now(), topic, payload)
}

// EmitAt is Emit with the time that the event bears: when it was meant to be
// sent, so that latency counts the wait before Emit too.
func (c *Client) EmitAt(t time.Time, topic string, payload []byte) (uint64, error) {
	c.mu.Lock() // without defer: this is called millions of times a second
	sequence, err := c.emit(0, uint64(t.UnixNano()), topic, payload)
	c.mu.Unlock()
	return sequence, err
}

// emit gathers an event under a sequence, or with 0 under the next. The
// caller holds mu.
func (c *Client) emit(sequence, time uint64, topic string, payload []byte) (_ uint64, err error) {
	size := 0
	for ready := false; !ready; {
		if topic != c.stamped || topic == "" {
			if err := c.restamp(topic); err != nil {
				return 0, err
			}
		}
		if size = c.stamp.Size(payload); size > c.limit {
			return 0, &framing.SizeError{Size: uint64(size), Limit: uint64(c.limit)}
		}
		if ready, err = c.hasRoom(size); err != nil {
			return 0, err
		}
	}
	first := len(c.out) == 0
	if sequence == 0 {
		sequence = c.numbering.Next(topic)
	}
	c.out, err = c.stamp.Append(c.out, sequence, time, payload)
	c.emitted(first)
	return sequence, err
}

// restamp prepares for events of another topic than the last.
func (c *Client) restamp(topic string) error {
	if err := queue.CheckTopic(topic); err != nil {
		return err
	}
	stamp, err := framing.NewStamp(&framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: c.origin, Topic: []byte(topic),
	})
	if err == nil {
		c.stamp, c.stamped = stamp, topic
	}
	return err
}

func (c *Client) check(f *framing.Frame, topic string) error {
	if size := f.Size() + len(topic); size > c.limit {
		return &framing.SizeError{Size: uint64(size), Limit: uint64(c.limit)}
	}
	return nil
}

// hasRoom reports whether size bytes may be gathered; if not, it has waited
// for a change. The caller holds mu, which is free meanwhile.
func (c *Client) hasRoom(size int) (bool, error) {
	switch {
	case c.closed:
		return false, ErrClosed
	case c.err != nil:
		return false, c.err
	case len(c.out) == 0 || len(c.out)+size <= c.config.BufferBytes:
		return true, nil
	}
	c.room.Wait()
	return false, nil
}

// awaitRoom waits until size bytes may be gathered. The caller holds mu.
func (c *Client) awaitRoom(size int) error {
	for {
		if ready, err := c.hasRoom(size); ready || err != nil {
			return err
		}
	}
}

// Flush waits until the server has acknowledged everything emitted before
// the call. It fails with [*UnacceptedError] if the server refused some.
func (c *Client) Flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitAcks(ctx, slices.Clone(c.numbering.Last())); err != nil {
		return err
	}
	if n := c.refused; n > 0 {
		c.refused = 0
		return &UnacceptedError{Events: n, Code: c.code}
	}
	return nil
}

// awaitAcks waits until the server has answered for the numbers, by stream, up
// to those. The caller holds mu, which is free meanwhile.
func (c *Client) awaitAcks(ctx context.Context, emitted []uint64) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.settled.Broadcast()
	})
	defer stop()
	c.push()
	for !c.hasAcked(emitted) {
		if c.err != nil {
			return c.err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.settled.Wait()
	}
	return nil
}

func (c *Client) hasAcked(emitted []uint64) bool {
	for stream, number := range emitted {
		if number > 0 && !c.unasked[uint16(stream)] && (stream >= len(c.acked) || c.acked[stream] < number) {
			return false
		}
	}
	return true
}

// acknowledged notes that the server has answered for a stream up to a number.
func (c *Client) acknowledged(sequence uint64) {
	if c.config.onAck != nil {
		c.config.onAck(sequence)
		return
	}
	stream, number := framing.SplitSequence(sequence)
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(stream) >= len(c.numbering.Last()) {
		return // it was never emitted
	}
	for len(c.acked) <= int(stream) {
		c.acked = append(c.acked, 0)
	}
	c.acked[stream] = max(c.acked[stream], number)
	c.settled.Broadcast()
}

func (c *Client) notAccepted(f *framing.Frame) {
	n := uint64(1)
	if r, err := framing.ParseRanges(f.Payload); err == nil && f.Kind == framing.KindNack {
		n = r.Total()
	}
	if c.config.onRefused != nil {
		c.config.onRefused(n, f.Code)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused += n
	c.code = f.Code
}

// emitNoMore refuses events from now on, also of who waits to emit one.
func (c *Client) emitNoMore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.room.Broadcast()
}

// sayBye lets the writer end after the last acks and a bye.
func (c *Client) sayBye() {
	c.mu.Lock()
	if c.err == nil {
		c.ackFinished()
		c.send(&framing.Frame{Kind: framing.KindBye}) // a bye can always be encoded
	}
	c.last = true
	c.work.Broadcast()
	c.mu.Unlock()
	c.hasten()
}
