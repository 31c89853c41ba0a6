package udpq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
	"rawlab/internal/queue/fates"
	"rawlab/udpq/ack"
	"rawlab/udpq/fragment"
)

// Event is an event as a subscriber gets it.
type Event = edge.Event

// Gap is events that have not come, though later ones have.
type Gap = edge.Gap

// Lost is what will not come: offsets of a topic, or numbers of datagrams.
type Lost = edge.Lost

// Receipt is what a subscription starts with.
type Receipt = framing.Receipt

// ClosedError says that the server ended the conversation, and why.
type ClosedError = edge.ClosedError

// RefusedError says that the server refused a request, and why.
type RefusedError = edge.RefusedError

// Errors that callers branch on.
var (
	ErrClosed   = edge.ErrClosed                       // the client was closed
	ErrNoAnswer = errors.New("no answer")              // a request was repeated in vain
	ErrNobody   = errors.New("nobody listens")         // the server's host says so
	ErrSilent   = errors.New("server has gone silent") // pings stay unanswered
)

// Client is a session with a server. It is safe for concurrent use.
type Client struct {
	config     ClientConfig
	addr       string // of the server
	line       atomic.Pointer[line]
	link       *link       // nil: nothing is done for lost events, nor for a pace
	pace       *pacer      // nil: none
	cutRefused fragment.ID // event in pieces of which one was refused last
	path       *path       // to the server
	whole      *reassembly
	origin     uint64
	born       uint64 // when the first hello was said: with origin it names the session
	epoch      uint64
	key        uint64 // of the session
	cuts       bool   // the server knows pieces of events

	inbox    *edge.Inbox
	fates    *fates.Emitter // nil without Report
	requests edge.Requests
	replies  edge.Requests // waited for, by the requests' sequences
	tracker  edge.Tracker  // of whoever delivers
	opened   framing.Frame // of whoever opens datagrams: the one at hand
	kept     int           // of whoever delivers: what is in the inbox of the datagram at hand
	running  sync.WaitGroup
	closing  sync.Once
	over     chan struct{} // closed when the conversation is over
	welcomed atomic.Bool
	heard    atomic.Bool // something came since the last ping
	refusals atomic.Uint64
	probes   int // of the reading goroutine: pings since something came

	life     context.Context // ends with the conversation
	end      context.CancelFunc
	moving   chan struct{} // capacity 1: held by who moves to another address
	silenced atomic.Bool   // the server would not know what is emitted now, by its address
	moves    atomic.Uint64

	mu sync.Mutex
	sender
	acks     edge.Acker
	ackTimer clock.Timer
	held     chan struct{} // closed when one may emit again; nil: one may
	stats    ClientStats
	err      error // why the conversation is over
}

// Dial shakes hands with a server. It repeats itself until it is answered,
// and fails with [ErrNoAnswer] or [ErrNobody] when it is not.
func Dial(ctx context.Context, addr string, config *ClientConfig) (*Client, error) {
	c := &Client{config: config.orDefault(), addr: addr, over: make(chan struct{}), moving: make(chan struct{}, 1)}
	if _, err := ParseReliability(string(c.config.Reliability)); err != nil {
		return nil, err
	}
	if _, err := ack.ParseCongestion(string(c.config.Congestion)); err != nil {
		return nil, err
	}
	c.inbox = edge.NewInbox(c.config.InboxBytes)
	if c.config.PackBudget != 0 {
		c.packer = framing.NewPacker(max(1, c.config.PackBudget))
	}
	first, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	c.line.Store(first)
	c.life, c.end = context.WithCancel(context.WithoutCancel(ctx))
	c.openLink()
	c.openFragments()
	if c.origin = c.config.Origin; c.origin == 0 {
		c.origin = edge.DrawOrigin()
	}
	c.born = uint64(c.config.Clock.Now().UnixNano())
	c.running.Go(c.read)
	err = c.greet(ctx)
	if err == nil {
		err = c.beginReport(ctx)
	}
	if err != nil {
		c.fail(err)
		c.wait()
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	if c.config.KeepAlive > 0 {
		c.running.Go(c.keepAlive)
	}
	return c, nil
}

// greet says hello until it is welcomed.
func (c *Client) greet(ctx context.Context) error {
	hello := framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version, Name: []byte(c.config.Name), Token: c.config.Token}
	body, err := hello.Append(nil)
	if err != nil {
		return err
	}
	wanted := c.config.rung().String()
	f, err := c.askOpenly(ctx, &framing.Frame{
		Kind: framing.KindHello, Origin: c.origin, Time: c.born, Topic: []byte(withPieces(wanted)), Payload: body,
	}, c.config.Tries, func() {})
	if err != nil {
		return err
	}
	if string(f.Topic) != wanted {
		return fmt.Errorf("%w: %q", ErrReliability, wanted)
	}
	w, err := framing.ParseWelcome(f.Payload)
	c.epoch, c.key = w.Epoch, f.Offset
	c.cuts = c.config.Fragments != FragmentsIP && w.Limit >= MaxEmit
	c.welcomed.Store(true)
	return err
}

// Origin returns who this client's events come from. With a sequence it
// names an event for everybody.
func (c *Client) Origin() uint64 { return c.origin }

// Epoch returns the server's epoch: another one than before says that logs
// were lost.
func (c *Client) Epoch() uint64 { return c.epoch }

// LocalAddr returns this end's address, which may change.
func (c *Client) LocalAddr() net.Addr { return c.line.Load().conn.LocalAddr() }
