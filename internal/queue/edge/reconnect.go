package edge

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/fates"
)

// Defaults of [Again].
const (
	DefaultMinBackoff   = 100 * time.Millisecond
	DefaultMaxBackoff   = 10 * time.Second
	DefaultUnackedBytes = 8 << 20
)

// Connection is one conversation with a server, which a [Reconnecting] makes
// use of until it is over.
type Connection interface {
	Epoch() uint64
	Limit() int // largest emit frame in bytes
	SubscribeFrom(ctx context.Context, topic string, wish framing.Subscribe) (Receipt, error)
	Unsubscribe(ctx context.Context, topic string) error
	// AckUpTo acknowledges a topic's events up to and including an offset.
	AckUpTo(topic string, offset uint64)
	// EmitAs, RequestAs and ReplyAs send an event that has its number already.
	EmitAs(sequence uint64, at time.Time, topic string, payload []byte) error
	RequestAs(ctx context.Context, sequence uint64, topic string, payload []byte) (Event, error)
	ReplyAs(sequence uint64, request *Event, payload []byte) error
	AskFates(ctx context.Context, query []byte) ([]byte, error) // asks the server one question for a report
	Close() error
	Fail(err error) // ends it at once
	Wait() error    // until it is over, and all of its goroutines; returns why
}

// Hooks are what a connection tells a [Reconnecting].
type Hooks struct {
	Event   func(*framing.Frame)              // each event, on the goroutine that reads; it is not finished then
	Acked   func(sequence uint64)             // the server has answered for what was emitted, up to that
	Refused func(n uint64, code framing.Code) // and did not accept so many
	Fates   *fates.Emitter                    // notes what never left, nil without Report
}

// ReconnectConfig configures a client that connects again.
type ReconnectConfig struct {
	Dial   func(ctx context.Context, origin uint64, hooks Hooks) (Connection, error) // makes a connection
	Clock  clock.Clock                                                               // default clock.Real
	Origin uint64                                                                    // default random

	FrameLimit    int           // bytes of an emit while there is no connection, default framing.DefaultLimit
	InboxBytes    int           // received and not yet taken by Next, default DefaultInboxBytes
	Deduplicate   bool          // drop events that have come before
	Report        bool          // Report tells what became of what was emitted
	Forgetful     bool          // the server acknowledges nothing: what was sent once is done with
	ResumeTimeout time.Duration // for connecting and subscribing again, default none
	CloseTimeout  time.Duration // for acknowledgements at Close, default none

	OnGap     func(Gap)
	OnReceipt func(topic string, r Receipt)

	Again
}

// Again is how a client connects again. The zero value works.
type Again struct {
	MinBackoff   time.Duration // before the first try, default DefaultMinBackoff; doubled for each that fails
	MaxBackoff   time.Duration // at most, default DefaultMaxBackoff
	GiveUpAfter  time.Duration // so long without a connection, default never
	UnackedBytes int           // emitted and not yet acknowledged, default DefaultUnackedBytes; then Emit waits

	OnDisconnect func(err error, retryIn time.Duration) // told before each try
	OnReconnect  func(outage time.Duration)             // told when all is as before; receipts come by OnReceipt
}

// Reconnecting is a client that outlives its connections. When one breaks it
// connects again, subscribes where it left off and emits once more, with the
// same sequences, what was not acknowledged: the server accepts each event
// once. It ends when it is closed, when the server refuses it for good or
// another client takes over its name. It is safe for concurrent use.
type Reconnecting struct {
	config  ReconnectConfig
	origin  uint64
	inbox   *Inbox
	fates   *fates.Emitter  // nil without Report
	ctx     context.Context // done when the client is to end
	cancel  context.CancelFunc
	running sync.WaitGroup
	closing sync.Once

	// Of the goroutine that reads; between connections, of who makes the next.
	tracker Tracker
	next    map[string]uint64 // by stored topic, the offset behind the last event received
	epoch   uint64

	mu        sync.Mutex
	changed   sync.Cond  // connection, pending or the end
	client    Connection // nil while there is no connection
	err       error      // why it is over
	subs      []wanted   // in the order of their coming
	numbering Numbering
	pending   pending
	acks      Acker
	finished  map[string]uint64 // by stored topic, the offset acknowledged last
	counts    Counts
}

// wanted is a subscription to make again.
type wanted struct {
	topic string
	wish  framing.Subscribe
	from  uint64 // offset that it began with, 0 if its topic was not stored
}

// NewReconnecting connects to a server. That the first connection works is
// waited for, and if it does not, nothing is tried again.
func NewReconnecting(ctx context.Context, config *ReconnectConfig) (*Reconnecting, error) {
	r := &Reconnecting{config: *config, next: make(map[string]uint64), finished: make(map[string]uint64)}
	c := &r.config
	c.Clock = clock.Or(c.Clock)
	c.FrameLimit = cmp.Or(c.FrameLimit, framing.DefaultLimit)
	c.MinBackoff = cmp.Or(c.MinBackoff, DefaultMinBackoff)
	c.MaxBackoff = max(c.MinBackoff, cmp.Or(c.MaxBackoff, DefaultMaxBackoff))
	c.UnackedBytes = cmp.Or(c.UnackedBytes, DefaultUnackedBytes)
	r.origin = c.Origin
	if r.origin == 0 {
		r.origin = DrawOrigin()
	}
	r.changed.L = &r.mu
	r.inbox = NewInbox(c.InboxBytes)
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if c.Report {
		r.fates = fates.NewEmitter(r.origin)
	}
	client, err := r.dial(ctx)
	if err != nil {
		r.cancel()
		return nil, err
	}
	r.epoch = client.Epoch()
	r.use(client)
	r.running.Go(func() { r.keep(client) })
	return r, nil
}

// dial makes one connection.
func (r *Reconnecting) dial(ctx context.Context) (Connection, error) {
	client, err := r.config.Dial(ctx, r.origin, Hooks{Event: r.received, Acked: r.acknowledged, Refused: r.refused, Fates: r.fates})
	if err != nil {
		return nil, err
	}
	if err := r.beginReport(ctx, client); err != nil {
		client.Fail(err)
		client.Wait()
		return nil, err
	}
	return client, nil
}

// use makes a connection the one to emit and ask on: what is not acknowledged
// leaves first.
func (r *Reconnecting) use(c Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client = c
	r.pending.sent = r.pending.first
	r.changed.Broadcast()
}

// keep follows one connection after the other.
func (r *Reconnecting) keep(client Connection) {
	for client != nil {
		gone := make(chan struct{})
		var beside sync.WaitGroup
		beside.Go(func() { r.pump(client) })
		beside.Go(func() {
			select {
			case <-r.ctx.Done():
				client.Close() // all there was to say was flushed, or given up
			case <-gone:
			}
		})
		why := client.Wait()
		r.use(nil)
		close(gone)
		beside.Wait()
		client = r.again(why)
	}
}

// end is the end: nothing more comes, and nothing is waited for.
func (r *Reconnecting) end(err error) {
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
	err = r.err
	r.changed.Broadcast()
	r.mu.Unlock()
	r.inbox.Close(err)
}

// connected waits for a connection.
func (r *Reconnecting) connected(ctx context.Context) (Connection, error) {
	defer r.wakeWith(ctx)()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.client == nil {
		if r.err != nil {
			return nil, r.err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting for a connection: %w", context.Cause(ctx))
		}
		r.changed.Wait()
	}
	return r.client, nil
}

// wakeWith lets who waits on changed see that ctx is done.
func (r *Reconnecting) wakeWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})
}

// Origin returns who this client's events come from.
func (r *Reconnecting) Origin() uint64 { return r.origin }

// Close waits, up to CloseTimeout, for what was emitted to be acknowledged,
// and ends the client. It fails when something was not.
func (r *Reconnecting) Close() error {
	var err error
	r.closing.Do(func() {
		r.handOver()
		r.inbox.Close(ErrClosed)
		r.emitNoMore()
		ctx, cancel := WithTimeout(context.Background(), r.config.Clock, r.config.CloseTimeout, "acknowledging what was emitted")
		defer cancel()
		err = r.Flush(ctx)
		r.cancel()
	})
	r.running.Wait()
	return err
}
