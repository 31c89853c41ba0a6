package udpq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
)

// sender is what a client emits with. The client's mu guards it.
type sender struct {
	numbering   edge.Numbering
	packer      *framing.Packer // nil: one event per datagram
	fitted      int             // with PackAuto: its budget
	train       train           // datagrams that wait to leave together
	posted      int             // that the link has, and may not have sent
	postedBytes int
	cutter      cutter // of events that are larger than a datagram
	flushTimer  clock.Timer
	buf, topic  []byte // scratch
	last        bool   // Close has begun
}

// Emit sends an event and returns its sequence. With ReliabilityAck it is sent
// until it is acknowledged, and Emit waits while too much is not; whether all
// is, Flush tells. Otherwise it is sent once, before Emit
// returns unless events are packed or gathered, and nobody says whether it
// arrived. With a [Pace], it waits until the event may leave, and what the kernel
// refuses only a report tells. Otherwise an error of the kernel says that it, or then an event before it, was
// not sent; its sequence is used up. Events over the datagram budget travel in
// pieces, or whole for IP to cut: see [Fragments]. Over [MaxEmit], or with
// FragmentsIP [MaxWhole], they are a [*framing.SizeError].
func (c *Client) Emit(topic string, payload []byte) (uint64, error) {
	return c.EmitAt(c.config.Clock.Now(), topic, payload)
}

// EmitAt is Emit with the time that the event bears: when it was meant to be
// sent, so that latency counts the wait before Emit too.
func (c *Client) EmitAt(t time.Time, topic string, payload []byte) (uint64, error) {
	f := framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagCRC,
		Origin: c.origin, Time: uint64(t.UnixNano()), Payload: payload,
	}
	if err := check(&f, topic, c.maxEmit()); err != nil {
		return 0, err
	}
	return c.emit(&f, topic)
}

// emit sends or gathers an event, under its number or with 0 under the next.
func (c *Client) emit(f *framing.Frame, topic string) (uint64, error) {
	c.lockWithRoom(f.Size() + len(topic))
	defer c.mu.Unlock()
	switch {
	case c.last:
		return 0, ErrClosed
	case c.err != nil:
		return 0, c.err
	}
	if f.Sequence == 0 {
		f.Sequence = c.numbering.Next(topic)
	}
	c.topic = append(c.topic[:0], topic...)
	f.Topic = c.topic
	if c.packer != nil {
		return f.Sequence, c.pack(f)
	}
	return f.Sequence, c.sendEvent(f, c.depart)
}

func check(f *framing.Frame, topic string, limit int) error {
	size := f.Size() + len(topic)
	switch {
	case topic == "" || len(topic) > framing.MaxTopic:
		return fmt.Errorf("%w: topic of %d bytes, 1 to %d", framing.ErrInvalid, len(topic), framing.MaxTopic)
	case size > limit:
		return &framing.SizeError{Size: uint64(size), Limit: uint64(limit)}
	}
	return nil
}

// Flush sends what waits to be packed. With ReliabilityAck it waits until the
// server has acknowledged everything emitted; otherwise, like Emit, it does
// not tell whether anything arrived.
func (c *Client) Flush(ctx context.Context) error {
	if err := c.flushNow(); err != nil {
		return err
	}
	return c.settle(ctx)
}

func (c *Client) flushNow() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return c.flush()
}

// pack gathers an event into the next datagram. The caller holds mu.
func (c *Client) pack(f *framing.Frame) error {
	c.fitPacker()
	fits, err := c.packer.Add(f)
	if _, tooLarge := errors.AsType[*framing.SizeError](err); tooLarge {
		return errors.Join(c.flush(), c.sendEvent(f, c.carry))
	}
	if err == nil && !fits {
		err = c.depart(c.packer.Take())
		if _, again := c.packer.Add(f); again != nil {
			return again
		}
	}
	c.flushSoon()
	return err
}

// flushSoon sees to it that what waits leaves. The caller holds mu.
func (c *Client) flushSoon() {
	if c.flushTimer == nil {
		c.flushTimer = c.config.Clock.AfterFunc(c.config.FlushInterval, c.flushLate)
	}
}

// depart takes a datagram of events that is complete: it leaves, with those
// that it was to wait for. The caller holds mu.
func (c *Client) depart(datagram []byte) error {
	if c.config.Gather <= 1 {
		return c.carry(datagram)
	}
	full := false
	if c.link != nil {
		if err := c.link.put(datagram); err != nil {
			return err
		}
		c.posted++
		c.postedBytes += len(datagram) + maxHeaderBytes
		full = c.posted >= c.config.Gather || c.config.Offload && c.postedBytes+len(datagram) > MaxDatagram
	} else {
		full = !c.train.add(datagram) || len(c.train.sizes) >= c.config.Gather
	}
	if full {
		return c.flush()
	}
	c.flushSoon()
	return nil
}

// flush sends what was gathered so far. The caller holds mu.
func (c *Client) flush() error {
	if c.flushTimer != nil {
		c.flushTimer.Stop()
		c.flushTimer = nil
	}
	if c.posted > 0 {
		c.posted, c.postedBytes = 0, 0
		defer c.link.answer()
	}
	var last []byte
	if c.packer != nil && c.packer.Len() > 0 {
		last = c.packer.Take()
	}
	if len(c.train.sizes) > 0 {
		if last != nil {
			c.train.add(last)
		}
		return c.sendTrain()
	}
	if last == nil {
		return nil
	}
	return c.carry(last)
}

// flushLate sends what has waited long enough. Its error, if any, the reader
// of the socket or the next Emit gets too.
func (c *Client) flushLate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.flush()
	}
}

func (c *Client) stopTimers() {
	for _, t := range [...]clock.Timer{c.flushTimer, c.ackTimer} {
		if t != nil {
			t.Stop()
		}
	}
}
