package tcpq

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
	"rawlab/internal/queue/fates"
)

// Defaults of [ReconnectConfig].
const (
	DefaultMinBackoff   = 100 * time.Millisecond
	DefaultMaxBackoff   = 10 * time.Second
	DefaultUnackedBytes = 8 << 20
)

// ReconnectConfig configures a client that connects again. The zero value works.
type ReconnectConfig struct {
	ClientConfig // OnEvent is not used: Next returns the events

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
	addr    string
	origin  uint64
	inbox   *edge.Inbox
	fates   *fates.Emitter  // nil without Report
	ctx     context.Context // done when the client is to end
	cancel  context.CancelFunc
	running sync.WaitGroup
	closing sync.Once

	// Of the goroutine that reads; between connections, of who makes the next.
	tracker edge.Tracker
	next    map[string]uint64 // by stored topic, the offset behind the last event received
	epoch   uint64

	mu        sync.Mutex
	changed   sync.Cond // connection, pending or the end
	client    *Client   // nil while there is no connection
	err       error     // why it is over
	subs      []wanted  // in the order of their coming
	numbering edge.Numbering
	pending   pending
	acks      edge.Acker
	finished  map[string]uint64 // by stored topic, the offset acknowledged last
	counts    edge.Counts
}

// wanted is a subscription to make again.
type wanted struct {
	topic string
	wish  framing.Subscribe
	from  uint64 // offset that it began with, 0 if its topic was not stored
}

// DialReconnecting connects to a server. That the first connection works is
// waited for, and if it does not, nothing is tried again.
func DialReconnecting(ctx context.Context, addr string, config *ReconnectConfig) (*Reconnecting, error) {
	r := &Reconnecting{addr: addr, next: make(map[string]uint64), finished: make(map[string]uint64)}
	if config != nil {
		r.config = *config
	}
	c := &r.config
	c.ClientConfig = c.ClientConfig.orDefault()
	c.MinBackoff = cmp.Or(c.MinBackoff, DefaultMinBackoff)
	c.MaxBackoff = max(c.MinBackoff, cmp.Or(c.MaxBackoff, DefaultMaxBackoff))
	c.UnackedBytes = cmp.Or(c.UnackedBytes, DefaultUnackedBytes)
	r.origin = c.Origin
	if r.origin == 0 {
		r.origin = edge.DrawOrigin()
	}
	r.changed.L = &r.mu
	r.inbox = edge.NewInbox(c.InboxBytes)
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
func (r *Reconnecting) dial(ctx context.Context) (*Client, error) {
	c := r.config.ClientConfig
	c.Origin, c.OnEvent, c.OnGap, c.Deduplicate = r.origin, r.received, nil, false
	c.onAck, c.onRefused, c.handsOn, c.fates = r.acknowledged, r.refused, true, r.fates
	client, err := Dial(ctx, r.addr, &c)
	if err != nil {
		return nil, err
	}
	if err := r.beginReport(ctx, client); err != nil {
		client.fail(err)
		client.running.Wait()
		return nil, err
	}
	return client, nil
}

// use makes a connection the one to emit and ask on: what is not acknowledged
// leaves first.
func (r *Reconnecting) use(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client = c
	r.pending.sent = r.pending.first
	r.changed.Broadcast()
}

// keep follows one connection after the other.
func (r *Reconnecting) keep(client *Client) {
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
		client.running.Wait()
		r.use(nil)
		close(gone)
		beside.Wait()
		client = r.again(client.ended())
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
func (r *Reconnecting) connected(ctx context.Context) (*Client, error) {
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
		ctx, cancel := edge.WithTimeout(context.Background(), r.config.Clock, r.config.CloseTimeout, "acknowledging what was emitted")
		defer cancel()
		err = r.Flush(ctx)
		r.cancel()
	})
	r.running.Wait()
	return err
}
