package udpq

import (
	"context"
	"errors"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

// Reconnecting is a client that outlives its conversations.
type Reconnecting = edge.Reconnecting

// ReconnectConfig configures a client that connects again. The zero value
// works.
//
// With ReliabilityAck what the server has not acknowledged is emitted once
// more, with the same sequences, and the server accepts each event once: the
// acknowledgement comes when a stored event is stored. On other rungs nobody
// acknowledges events; what was sent is done with.
type ReconnectConfig struct {
	ClientConfig // OnEvent is not used: Next returns the events
	edge.Again
	CloseTimeout time.Duration // for acknowledgements at Close, default DefaultDrainTimeout
}

// ErrUnordered says that a client that connects again needs its events in order.
var ErrUnordered = errors.New("a client that connects again numbers its events in order: Unordered cannot be")

// errRestarted is why a conversation is over with a server that does not know
// it any more.
var errRestarted = errors.New("the server does not know this client any more; it may have been restarted")

// DialReconnecting connects to a server. That the first connection works is
// waited for, and if it does not, nothing is tried again.
func DialReconnecting(ctx context.Context, addr string, config *ReconnectConfig) (*Reconnecting, error) {
	var c ReconnectConfig
	if config != nil {
		c = *config
	}
	acked := c.Reliability == ReliabilityAck
	if acked && c.Unordered {
		return nil, ErrUnordered
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = DefaultDrainTimeout
	}
	limit := MaxEmit
	if c.Fragments == FragmentsIP {
		limit = MaxWhole
	}
	return edge.NewReconnecting(ctx, &edge.ReconnectConfig{
		Dial: func(ctx context.Context, origin uint64, h edge.Hooks) (edge.Connection, error) {
			return c.dial(ctx, addr, origin, h)
		},
		Clock: c.Clock, Origin: c.Origin, FrameLimit: limit, InboxBytes: c.InboxBytes, Deduplicate: c.Deduplicate, Forgetful: !acked,
		CloseTimeout: c.CloseTimeout, OnGap: c.OnGap, OnReceipt: c.OnReceipt, Report: c.Report, Again: c.Again,
	})
}

// dial makes one connection.
func (c *ReconnectConfig) dial(ctx context.Context, addr string, origin uint64, h edge.Hooks) (edge.Connection, error) {
	one := c.ClientConfig
	one.Origin, one.OnEvent, one.OnGap, one.Deduplicate = origin, h.Event, nil, false
	one.hooks, one.Report = &h, false // who made this client begins the report
	client, err := Dial(ctx, addr, &one)
	if err != nil {
		return nil, err
	}
	return connection{client}, nil
}

// connection is a client as a [Reconnecting] uses it.
type connection struct{ *Client }

func (c connection) Limit() int { return c.maxEmit() }

// EmitAs fails only when the conversation is over: what the kernel did not
// take is lost as what the wire loses.
func (c connection) EmitAs(sequence uint64, at time.Time, topic string, payload []byte) error {
	err := c.emitAs(sequence, at, topic, payload, c.config.Reliability == ReliabilityAck)
	if err != nil && c.isOver() {
		return err
	}
	return nil
}

func (c connection) RequestAs(ctx context.Context, sequence uint64, topic string, payload []byte) (Event, error) {
	return c.requestAs(ctx, sequence, topic, payload)
}

func (c connection) ReplyAs(sequence uint64, request *Event, payload []byte) error {
	return c.replyAs(sequence, request.Origin, request.Sequence, request.Topic, payload)
}

func (c connection) AckUpTo(topic string, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.send(&framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: offset, Topic: []byte(topic)}) // lost, the next one makes it good
	}
}

func (c connection) AskFates(ctx context.Context, query []byte) ([]byte, error) {
	return c.askFates(ctx, query)
}

func (c connection) Fail(err error) { c.fail(err) }

func (c connection) Wait() error {
	<-c.over
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if closed, ok := errors.AsType[*ClosedError](c.err); ok && closed.Code == framing.CodeUnauthorized && closed.Words == wordsRestarted {
		return errRestarted
	}
	return c.err
}
