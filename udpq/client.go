package udpq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
	"rawlab/internal/queue/fates"
	"rawlab/udpq/ack"
	"rawlab/udpq/fragment"
	"rawlab/udpq/nack"
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

// ClientStats is what a client has seen so far.
type ClientStats struct {
	edge.Counts        // what the numbers of received events have told
	Invalid     uint64 // frames received that were none
	Refused     uint64 // times that the kernel reported an earlier datagram as refused
	Moves       uint64 // times that the session went on from another address

	Datagram   int    // the largest datagram that events are packed or cut for now
	BlackHoles uint64 // times that the path did not take any more what it had taken

	Fragments        uint64 // pieces of events received
	FragmentsRefused uint64 // of them: doubled, late, or in contradiction to others
	FragmentLost     uint64 // events of which pieces came, and not all

	// On a rung:
	Taken          uint64 // datagrams with events taken from the socket, those that came again too
	Retransmits    uint64 // times that a datagram of events was sent again
	Unacknowledged int    // datagrams of events emitted and not acknowledged; lost with the conversation when that ends

	// With ReliabilityNack:
	Sending   nack.SenderStats   // what was emitted
	Receiving nack.ReceiverStats // what was listened to: datagrams of ignored topics, and events of stored ones

	FEC FECStats // with ReliabilityFEC
}

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

// Stats returns what the client has seen so far.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Refused, s.Moves = c.refusals.Load(), c.moves.Load()
	s.Datagram, s.BlackHoles = c.room(), c.path.blackHoles()
	s.Fragments, s.FragmentsRefused = c.whole.pieces.Load(), c.whole.refused.Load()
	if c.link != nil {
		c.link.stats(&s)
	}
	return s
}

// fail ends the conversation for everybody who waits. The first call counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		close(c.over)
	}
	err = c.err
	c.stopTimers()
	c.mu.Unlock()
	c.end()
	c.closeLink(err)
	c.whole.close()
	c.path.close()
	c.inbox.Close(err)
	c.requests.Close(err)
	c.replies.Close(err)
	c.line.Load().close()
}

// byeTries is how often a bye is said when nobody answers it.
const byeTries = 3

// Close sends what waits to be packed, waits with ReliabilityAck until that is
// acknowledged or given up, or for CloseTimeout, says bye until it is answered,
// three times at most, and waits for its goroutines. What is not acknowledged
// by then is told by an [*UnacknowledgedError]. Events received but not taken
// by Next are dropped; stored ones come again.
func (c *Client) Close() error {
	var err error
	c.closing.Do(func() {
		c.inbox.Close(ErrClosed)
		err = errors.Join(c.lastWords(), c.settleLast())
		for wait, try := c.config.RetryInterval, 0; try < byeTries && !c.isOver(); try++ {
			c.say(&framing.Frame{Kind: framing.KindBye, Flags: framing.FlagOffset, Origin: c.origin, Offset: c.key})
			c.pause(wait)
			wait *= 2
		}
		c.fail(ErrClosed)
	})
	c.wait()
	return err
}

// wait waits for the goroutines of a conversation that is over.
func (c *Client) wait() {
	c.running.Wait()
	if c.link != nil {
		c.link.wait()
	}
}

// lastWords sends what was gathered, acks included.
func (c *Client) lastWords() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	if c.link != nil {
		c.link.stir() // who waits to emit is refused now
	}
	if c.err != nil {
		return nil
	}
	c.acks.FinishReturned()
	c.ackFinished()
	return c.flush()
}

func (c *Client) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// pause waits for d or the end of the conversation.
func (c *Client) pause(d time.Duration) {
	t := c.config.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-c.over:
	}
}
