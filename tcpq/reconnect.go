package tcpq

import (
	"context"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

// Reconnecting is a client that outlives its connections.
type Reconnecting = edge.Reconnecting

// Defaults of [edge.Again].
const (
	DefaultMinBackoff   = edge.DefaultMinBackoff
	DefaultMaxBackoff   = edge.DefaultMaxBackoff
	DefaultUnackedBytes = edge.DefaultUnackedBytes
)

// ReconnectConfig configures a client that connects again. The zero value works.
type ReconnectConfig struct {
	ClientConfig // OnEvent is not used: Next returns the events
	edge.Again
}

// DialReconnecting connects to a server. That the first connection works is
// waited for, and if it does not, nothing is tried again.
func DialReconnecting(ctx context.Context, addr string, config *ReconnectConfig) (*Reconnecting, error) {
	var c ReconnectConfig
	if config != nil {
		c = *config
	}
	c.ClientConfig = c.ClientConfig.orDefault()
	return edge.NewReconnecting(ctx, &edge.ReconnectConfig{
		Dial: func(ctx context.Context, origin uint64, h edge.Hooks) (edge.Connection, error) {
			return c.dial(ctx, addr, origin, h)
		},
		Clock: c.Clock, Origin: c.Origin, FrameLimit: c.FrameLimit, InboxBytes: c.InboxBytes, Deduplicate: c.Deduplicate,
		ResumeTimeout: c.HandshakeTimeout, CloseTimeout: c.CloseTimeout, OnGap: c.OnGap, OnReceipt: c.OnReceipt, Report: c.Report, Again: c.Again,
	})
}

// dial makes one connection.
func (c *ReconnectConfig) dial(ctx context.Context, addr string, origin uint64, h edge.Hooks) (edge.Connection, error) {
	one := c.ClientConfig
	one.Origin, one.OnEvent, one.OnGap, one.Deduplicate = origin, h.Event, nil, false
	one.onAck, one.onRefused, one.handsOn, one.fates = h.Acked, h.Refused, true, h.Fates
	client, err := Dial(ctx, addr, &one)
	if err != nil {
		return nil, err
	}
	return connection{client}, nil
}

// connection is a client as a [Reconnecting] uses it.
type connection struct{ *Client }

func (c connection) Limit() int { return c.limit }

func (c connection) EmitAs(sequence uint64, at time.Time, topic string, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.emit(sequence, uint64(at.UnixNano()), topic, payload)
	return err
}

func (c connection) RequestAs(ctx context.Context, sequence uint64, topic string, payload []byte) (Event, error) {
	return c.request(ctx, topic, payload, sequence)
}

func (c connection) ReplyAs(sequence uint64, request *Event, payload []byte) error {
	return c.reply(request.Origin, request.Sequence, request.Topic, payload, sequence)
}

func (c connection) AckUpTo(topic string, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.send(&framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: offset, Topic: []byte(topic)}) // encodable: the topic came in a frame
	}
}

func (c connection) AskFates(ctx context.Context, query []byte) ([]byte, error) {
	return c.askFates(ctx, query)
}

func (c connection) Fail(err error) { c.fail(err) }

func (c connection) Wait() error {
	c.running.Wait()
	return c.ended()
}
