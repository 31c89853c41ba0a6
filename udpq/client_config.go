package udpq

import (
	"cmp"
	"context"
	"net"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
	"rawlab/udpq/nack"
)

// Defaults of [ClientConfig].
const (
	DefaultKeepAlive     = 10 * time.Second
	DefaultRetryInterval = 200 * time.Millisecond
	DefaultTries         = 8
	DefaultFlushInterval = time.Millisecond
)

// ClientConfig configures a client. The zero value works.
type ClientConfig struct {
	Name   string      // of a durable client, empty for an anonymous one
	Origin uint64      // who the events come from, default random; never number other events with the same
	Clock  clock.Clock // default clock.Real

	// Dial opens a connected socket, default one of this machine.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	Token []byte // what the server's keyring knows this client by, default none; it travels unencrypted, unless over package dtls

	// Reliability is what is done for lost events, in both directions; default
	// ReliabilityNone. The server must speak it, else Dial fails with
	// [ErrReliability]. On a rung, events are delivered in the order of the
	// datagrams, or Unordered as they come.
	Reliability Reliability
	Unordered   bool

	Pace       Pace        // bounds how fast datagrams leave, default none; Emit waits then
	Congestion Congestion  // of what is emitted with ReliabilityAck, default ack.Westwood
	Nack       nack.Config // bounds what ReliabilityNack spends on repairs, default see package nack

	PackBudget      int           // gather events into datagrams of up to so many bytes, or PackAuto; default 0: one event each
	Fragments       Fragments     // who cuts events larger than Datagram, default FragmentsOwn
	Datagram        int           // the largest datagram in bytes that events are packed or cut for, see Config
	FragmentTimeout time.Duration // an event of which no piece came for so long is lost, see Config

	Gather        int           // datagrams that wait for each other to leave in one system call, up to 64; default 1: none, with PackBudget and Offload 64
	FlushInterval time.Duration // how long one may wait to be packed, or gathered, default DefaultFlushInterval
	ReceiveBuffer int           // of the socket in bytes, default DefaultReceiveBuffer, negative: the system's
	Offload       bool          // let Linux cut and join datagrams, see Config
	InboxBytes    int           // received and not yet taken by Next, default edge.DefaultInboxBytes; then nothing is read, or with ReliabilityAck sent
	CloseTimeout  time.Duration // for acknowledgements at Close, default DefaultDrainTimeout
	KeepAlive     time.Duration // between pings; three unanswered end the session. Default DefaultKeepAlive, negative: none
	RetryInterval time.Duration // until a request is repeated first, doubling; default DefaultRetryInterval
	Tries         int           // of a request, default DefaultTries

	Report bool // have the server note what becomes of each event, for Client.Report

	// OnEvent is given every event instead of Next, duplicates too, on the
	// goroutine that reads; the frame is valid during the call. While it
	// runs, nothing is read from the socket; with ReliabilityAck, it must not
	// wait for Emit or Flush therefore.
	OnEvent func(*framing.Frame)
	// OnGap is told of events missed just before the event that follows.
	OnGap func(Gap)
	// OnReceipt is told, before Subscribe to a pattern returns, of each of its
	// topics where something was missed; without a rung they may be lost.
	OnReceipt func(topic string, r Receipt)
	// OnLost is told of stored events that expired before they could be sent,
	// or were given up for want of an acknowledgement; with ReliabilityNack
	// also, with an empty Topic, of so many datagrams with events of ignored
	// topics. Which events those were, OnGap tells as far as later ones come.
	OnLost func(Lost)
	// Deduplicate drops events that have come before, as far as their numbers
	// tell: see edge.Tracker.
	Deduplicate bool

	// hooks are those of a [Reconnecting], which numbers and acknowledges
	// itself.
	hooks *edge.Hooks

	// OnFragmentLost is told of an event of which pieces came, and not all.
	OnFragmentLost func(origin, sequence uint64)
}

func (c *ClientConfig) orDefault() ClientConfig {
	var d ClientConfig
	if c != nil {
		d = *c
	}
	d.Clock = clock.Or(d.Clock)
	if d.Dial == nil {
		d.Dial = dial
	}
	d.PackBudget = min(d.PackBudget, MaxDatagram)
	if d.PackBudget > 0 {
		d.PackBudget = max(1, d.PackBudget-d.rung().headerBytes())
	}
	d.Datagram = datagramBudget(d.Datagram)
	if d.Gather <= 0 && d.PackBudget > 0 && d.Offload {
		d.Gather = maxTrain
	}
	d.Gather = min(d.Gather, maxTrain)
	d.FlushInterval = cmp.Or(d.FlushInterval, DefaultFlushInterval)
	d.ReceiveBuffer = cmp.Or(d.ReceiveBuffer, DefaultReceiveBuffer)
	d.CloseTimeout = cmp.Or(d.CloseTimeout, DefaultDrainTimeout)
	d.KeepAlive = cmp.Or(d.KeepAlive, DefaultKeepAlive)
	d.RetryInterval = cmp.Or(d.RetryInterval, DefaultRetryInterval)
	d.Tries = cmp.Or(d.Tries, DefaultTries)
	return d
}

// dial opens a socket of this machine.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return own(conn), nil
}

// rung returns what the hello asks for. Dial has checked that it is known.
func (c *ClientConfig) rung() rung {
	r, _ := newRung(c.Reliability, c.Unordered)
	return r
}
