package tcpq

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
	"rawlab/internal/queue/fates"
)

// Event is an event as a subscriber gets it.
type Event = edge.Event

// Gap is events that have not come, though later ones have.
type Gap = edge.Gap

// Lost is events that were stored and will not come.
type Lost = edge.Lost

// Receipt is what a subscription starts with.
type Receipt = framing.Receipt

// ClosedError says that the server ended the conversation, and why.
type ClosedError = edge.ClosedError

// RefusedError says that the server refused a request, and why.
type RefusedError = edge.RefusedError

// UnacceptedError says how many emitted events the server refused.
type UnacceptedError = edge.UnacceptedError

// ClientStats is what the numbers of received events have told.
type ClientStats = edge.Counts

// ErrClosed is what waits on a client get once it is closed.
var ErrClosed = edge.ErrClosed

// ClientConfig configures a client. The zero value works.
type ClientConfig struct {
	Name   string      // of a durable client, empty for an anonymous one
	Origin uint64      // who the events come from, default random; never number other events with the same
	Clock  clock.Clock // default clock.Real

	// Dial opens the connection, default plain TCP of this machine.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	TLS   *tls.Config // spoken on what Dial opens, default none
	Token []byte      // what the server's keyring knows this client by, default none

	FrameLimit       int           // largest whole frame in bytes accepted, default framing.DefaultLimit
	BufferBytes      int           // emitted and not yet written, default DefaultBufferBytes; then Emit waits
	InboxBytes       int           // received and not yet taken by Next, default edge.DefaultInboxBytes; then nothing is read
	FlushInterval    time.Duration // gather at least this long before a write, default 0: an idle client sends at once
	HandshakeTimeout time.Duration // default DefaultHandshakeTimeout
	CloseTimeout     time.Duration // for acknowledgements at Close, default DefaultDrainTimeout

	// OnEvent is given every event instead of Next, on the goroutine that
	// reads; the frame is valid during the call. Emitting there may deadlock
	// when both directions are full.
	OnEvent func(*framing.Frame)
	// OnGap is told of events missed just before the event that follows.
	OnGap func(Gap)
	// OnReceipt is told, before Subscribe to a pattern returns, of each of its
	// topics where something was missed.
	OnReceipt func(topic string, r Receipt)
	// OnLost is told of stored events that expired before they could be sent,
	// or were given up for want of an acknowledgement.
	OnLost func(Lost)

	// Deduplicate drops events that have come before, as far as their numbers
	// tell: see edge.Tracker. With delivery at least once, the application
	// then gets each event once for as long as the client lives.
	Deduplicate bool

	Report bool // have the server note what becomes of each event, for Client.Report

	// Of a [Reconnecting], which numbers and acknowledges itself.
	onAck     func(sequence uint64)
	onRefused func(n uint64, code framing.Code)
	fates     *fates.Emitter
	handsOn   bool // OnEvent does not finish with an event
}

// storedBytes is how much larger than its emit an event frame may be: a
// stored one has an offset.
const storedBytes = 8

func (c *ClientConfig) orDefault() ClientConfig {
	var d ClientConfig
	if c != nil {
		d = *c
	}
	d.Clock = clock.Or(d.Clock)
	if d.Dial == nil {
		d.Dial = dialPlain
	}
	d.FrameLimit = cmp.Or(d.FrameLimit, framing.DefaultLimit)
	d.BufferBytes = cmp.Or(d.BufferBytes, DefaultBufferBytes)
	d.HandshakeTimeout = cmp.Or(d.HandshakeTimeout, DefaultHandshakeTimeout)
	d.CloseTimeout = cmp.Or(d.CloseTimeout, DefaultDrainTimeout)
	return d
}

// Client is a connection to a server. It is safe for concurrent use.
type Client struct {
	config ClientConfig
	conn   socket
	reader *framing.Reader
	origin uint64
	epoch  uint64
	limit  int // largest whole frame that the server accepts

	inbox    *edge.Inbox
	fates    *fates.Emitter // nil without Report
	requests edge.Requests  // of the connection, by their own numbers
	replies  edge.Requests  // waited for, by the requests' sequences
	tracker  edge.Tracker   // of the reading goroutine
	running  sync.WaitGroup
	hurry    chan struct{} // capacity 1: ends the wait of FlushInterval
	closing  sync.Once

	mu      sync.Mutex
	work    sync.Cond // for the writer: there is something to write, or the end
	room    sync.Cond // for emitters
	settled sync.Cond // for Flush: something was acknowledged, or the end
	outgoing
	sender
	acks   edge.Acker
	counts edge.Counts
	err    error // why the conversation is over
}

// Dial connects to a server and shakes hands.
func Dial(ctx context.Context, addr string, config *ClientConfig) (*Client, error) {
	c := &Client{config: config.orDefault(), hurry: make(chan struct{}, 1)}
	c.inbox = edge.NewInbox(c.config.InboxBytes)
	c.work.L, c.room.L, c.settled.L = &c.mu, &c.mu, &c.mu
	ctx, cancel := edge.WithTimeout(ctx, c.config.Clock, c.config.HandshakeTimeout, "the handshake")
	defer cancel()
	if err := c.connect(ctx, addr); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	c.running.Go(c.write)
	c.running.Go(c.read)
	if err := c.beginReport(ctx); err != nil {
		c.fail(err)
		c.running.Wait()
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	return c, nil
}

func (c *Client) connect(ctx context.Context, addr string) error {
	conn, err := c.config.Dial(ctx, "tcp", addr)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	if conn, err = c.shake(ctx, conn); err != nil {
		return err
	}
	c.conn = newSocket(conn)
	c.reader = c.conn.reader(c.config.FrameLimit + storedBytes)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = c.greet()
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
	}
	return err
}

// greet says hello and reads the answer.
func (c *Client) greet() error {
	hello := framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version, Name: []byte(c.config.Name), Token: c.config.Token}
	body, err := hello.Append(nil)
	if err != nil {
		return err
	}
	c.origin = c.config.Origin
	if c.origin == 0 {
		c.origin = edge.DrawOrigin()
	}
	w := framing.NewWriter(c.conn)
	if err := w.Write(&framing.Frame{Kind: framing.KindHello, Origin: c.origin, Payload: body}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return c.welcomed()
}

func (c *Client) welcomed() error {
	f, err := c.reader.Next()
	switch {
	case err != nil:
		return fmt.Errorf("no welcome: %w", err)
	case f.Kind == framing.KindError:
		return &RefusedError{Code: f.Code, Words: string(f.Payload)}
	case f.Kind != framing.KindWelcome:
		return fmt.Errorf("%w: %v instead of a welcome", framing.ErrInvalid, f.Kind)
	}
	w, err := framing.ParseWelcome(f.Payload)
	if err != nil {
		return err
	}
	c.origin, c.epoch, c.limit = f.Origin, w.Epoch, int(w.Limit)
	return nil
}

// ended returns why the conversation is over. Call it when it is.
func (c *Client) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Origin returns who this client's events come from. With a sequence it
// names an event for everybody.
func (c *Client) Origin() uint64 { return c.origin }

// Epoch returns the server's epoch: another one than before says that logs
// were lost.
func (c *Client) Epoch() uint64 { return c.epoch }

// LocalAddr returns this end's address.
func (c *Client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// fail ends the conversation for everybody who waits. The first call counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	err = c.err
	c.work.Broadcast()
	c.room.Broadcast()
	c.settled.Broadcast()
	c.mu.Unlock()
	c.inbox.Close(err)
	c.requests.Close(err)
	c.replies.Close(err)
	c.conn.Close()
}

// Close ends the conversation in good order: it waits for acknowledgements
// and the server's bye, together up to CloseTimeout, and for its goroutines.
// It fails when something emitted was not acknowledged. Events received but
// not taken by Next are dropped; stored ones come again.
func (c *Client) Close() error {
	var err error
	c.closing.Do(func() {
		c.handOver()
		c.inbox.Close(ErrClosed)
		c.emitNoMore()
		ctx, cancel := edge.WithTimeout(context.Background(), c.config.Clock, c.config.CloseTimeout, "acknowledging what was emitted")
		defer cancel()
		err = c.Flush(ctx)
		stop := context.AfterFunc(ctx, func() { c.fail(ErrClosed) })
		defer stop()
		c.sayBye()
		c.running.Wait()
	})
	c.running.Wait()
	return err
}
