package labs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
	"rawlab/labs/host"
	"rawlab/udpq"
)

const (
	topic      = "lab"
	emitterID  = 1 // origins in a lab are small, so that people can read them
	listenerID = 2
	secondID   = 3 // of an emitter that connects anew

	// largeBuffer is a receive buffer in which a busy machine loses nothing:
	// a lab's question is about the wire, unless it asks for a small one.
	largeBuffer = 16 << 20

	// settleWithin without any progress, a run has stalled. Linux lets 120 s
	// pass before it sends a segment again (TCP_RTO_MAX), which a wire that is
	// down at the wrong times can bring about.
	settleWithin = 130 * time.Second
)

// transfer is a plan being carried out: an emitter and a subscriber at the
// client host, a server at the server host, the impaired wire between them.
type transfer struct {
	*plan
	options  *Options
	network  Network
	hosts    [2]Host // by side
	sockets  sockets
	clock    clock.Clock
	trace    *serverTrace
	server   *runningServer
	store    queue.Store // of the server, whichever of its lives
	emitter  client
	origin   uint64 // of its events
	listener client
	socket   net.Conn // the subscriber's
	drops    socketDrops
	before   [2]host.Counters
	counted  [2]host.Counters // since then
	input    account.Input
	rung     account.Rung
	stalled  string       // where the run stood still, if it did
	looked   time.Time    // when the run was last looked at
	emitting [2]time.Time // from when to when the last events were emitted

	mu         sync.Mutex
	deliveries []account.Delivery
}

// steady is the plain script: emit everything, then wait until it has settled.
func steady(ctx context.Context, x *transfer) error {
	if err := x.emit(ctx, x.options.Events); err != nil {
		return err
	}
	return x.settle(ctx, x.options.Events)
}

// connect starts the server, the subscriber and the emitter, in this order.
func (x *transfer) connect(ctx context.Context) (err error) {
	for side, h := range x.hosts {
		if x.before[side], err = h.Counters(); err != nil {
			return err
		}
	}
	if x.transport.serve == nil {
		return x.dialEmitter(ctx, emitterID)
	}
	if err := x.startServer(ctx); err != nil {
		return err
	}
	if x.clientele != nil {
		return x.clientele.connect(ctx, x)
	}
	if !x.transport.alone {
		if _, err := x.listen(ctx); err != nil {
			return err
		}
	}
	return x.dialEmitter(ctx, emitterID)
}

// startServer starts the server, for the first time or again on the same store.
func (x *transfer) startServer(ctx context.Context) (err error) {
	if x.store == nil {
		x.store = memory.NewWithEpoch(0, x.options.Seed)
	}
	x.server, err = x.transport.serve(ctx, x.hosts[account.Server], &serverOptions{
		address: x.options.serverAddress(), clock: x.clock, epoch: x.options.Seed, store: x.store, trace: x.trace.note, topics: x.topics, fragments: x.options.fragments(x.transport), congestion: x.options.Congestion,
		complete: x.transport.complete,
	})
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if !x.transport.stream {
		return x.network.SetReceiveBuffer(x.server.socket, largeBuffer)
	}
	return nil
}

// stopServer ends the server in good order, and notes what its end of a rung
// has done.
func (x *transfer) stopServer() error {
	x.readDrops(account.ToServer, x.server.socket)
	err := x.server.stop()
	if x.transport.rung {
		links := x.server.stats().Links
		x.rung.Taken[account.ToServer] += int64(links.Taken)
		x.rung.Resent += int64(links.Retransmits)
	}
	x.server = nil
	return err
}

// dialEmitter starts the emitter, whose events have that origin.
func (x *transfer) dialEmitter(ctx context.Context, origin uint64) (err error) {
	x.origin = origin
	d := x.dialing(&dialOptions{origin: origin, onEvent: x.deliver})
	if x.emitter, err = x.transport.dial(ctx, x.hosts[account.Client], d); err != nil {
		return fmt.Errorf("emitter: %w", err)
	}
	return nil
}

// dialing adds to options what all clients of the transfer have.
func (x *transfer) dialing(d *dialOptions) *dialOptions {
	d.address, d.clock = x.options.serverAddress(), x.clock
	d.fragments, d.congestion = x.options.fragments(x.transport), x.options.Congestion
	if x.tune != nil {
		x.tune(d)
	}
	return d
}

// listen starts the subscriber, for the first time or again.
func (x *transfer) listen(ctx context.Context) (receipt framing.Receipt, err error) {
	d := x.dialing(&dialOptions{name: x.name, origin: listenerID, onEvent: x.deliver, opened: x.prepare})
	if x.listener, err = x.transport.dial(ctx, x.hosts[account.Client], d); err != nil {
		return receipt, fmt.Errorf("subscriber: %w", err)
	}
	if receipt, err = x.listener.Subscribe(ctx, x.subject()); err != nil {
		return receipt, fmt.Errorf("subscribe: %w", err)
	}
	return receipt, nil
}

// leave ends the subscriber, in good order.
func (x *transfer) leave(ctx context.Context) error {
	x.leaveSocket()
	if err := x.part(&x.listener); err != nil {
		return fmt.Errorf("subscriber leaves: %w", err)
	}
	if x.server == nil || x.server.open == nil {
		return nil
	}
	// A connection has ended for the client before it has for the server.
	return x.until(ctx, func(standing, int) bool { return x.server.open() < 2 })
}

// prepare looks after the subscriber's socket: its buffer as asked for, and
// with UDP a large one if nothing was, so that only the wire loses.
func (x *transfer) prepare(c net.Conn) error {
	x.takeSocket(c)
	return x.prepareSocket(c, x.options.ReceiveBuffer)
}

func (x *transfer) prepareSocket(c net.Conn, buffer int) error {
	switch {
	case buffer > 0:
		return x.network.SetReceiveBuffer(c, buffer)
	case !x.transport.stream:
		return x.network.SetReceiveBuffer(c, largeBuffer)
	}
	return nil
}

// clients are all of the run's.
func (x *transfer) clients() []*client {
	if x.clientele != nil {
		return x.clientele.clients()
	}
	return []*client{&x.emitter, &x.listener}
}

// disconnect ends clients and server in good order.
func (x *transfer) disconnect() error {
	x.leaveSocket()
	var err error
	for _, c := range x.clients() {
		err = errors.Join(err, x.part(c))
	}
	if x.stalled != "" || x.input.Broken {
		err = nil // a broken connection does not close in good order
	}
	if x.server == nil {
		return err
	}
	return errors.Join(err, x.stopServer())
}

// part ends a client, and notes what its end of a rung has done.
func (x *transfer) part(c *client) error {
	u, _ := (*c).(*udpq.Client)
	err := closeClient(c)
	if u != nil && x.transport.rung {
		s := u.Stats()
		x.rung.Taken[account.ToSubscriber] += int64(s.Taken)
		x.rung.Resent += int64(s.Retransmits)
	}
	return err
}

func closeClient(c *client) error {
	if *c == nil {
		return nil
	}
	err := (*c).Close()
	*c = nil
	return err
}

// abandon ends what still runs when a run did not come to its end.
func (x *transfer) abandon() {
	for _, c := range x.clients() {
		closeClient(c)
	}
	if x.server != nil {
		x.server.stop()
	}
}
