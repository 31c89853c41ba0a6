package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
	"rawlab/labs/host"
	"rawlab/labs/report"
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

// plan is what a lab does over one transport.
type plan struct {
	transport *transport
	variant   string                                 // what sets it apart from the lab's other plans of this transport
	topics    map[string]queue.Policy                // that the server is told
	name      string                                 // under which the subscriber listens, empty for none
	traffic   *Options                               // of its events, where they are not the network's
	topic     string                                 // of its events, empty for the labs' own
	body      func(i int) []byte                     // of the i-th event, from 0; nil: as large as the options say
	forced    bool                                   // the script decides when things happen, so that timing does not
	tune      func(*dialOptions)                     // last word on what its clients dial with; nil: none
	reopen    func(context.Context, *transfer) error // has the emitter connect anew when its connection is over; nil: it stays so
	ledger    func(*transfer) *account.Ledger        // settles the account, where that is not of one subscriber; nil: it is
	around    func(int, Host) Host                   // what the lab does to the sockets of a host, given its side; nil: nothing
	script    func(context.Context, *transfer) error
	clientele *clientele // its clients, where they are more than an emitter and a subscriber; nil: they are not
}

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

// settleAccount closes the account of a plan that has been carried out.
func (x *transfer) settleAccount() *report.Evidence {
	ledger := x.settledLedger()
	if x.stalled != "" {
		ledger.Doubts = append(ledger.Doubts, "the run stalled: "+x.stalled)
	}
	e := &report.Evidence{
		Transport: x.transport.name, Reliability: x.transport.reliability, Variant: x.variant,
		Ledger: ledger, Span: x.span(), Emissions: x.input.Emissions, Taps: x.input.Taps, Wire: x.input.Wire,
	}
	if c := x.clientele; c != nil {
		e.Topics, e.Subscribers = c.topicNames(), x.input.Subscribers
	}
	return e
}

// span is the time from the first intended emit to the last delivery, 0 if
// nothing was delivered.
func (x *transfer) span() time.Duration {
	if len(x.input.Emissions) == 0 || len(x.deliveries) == 0 {
		return 0
	}
	return x.deliveries[len(x.deliveries)-1].Time.Sub(x.input.Emissions[0].Time)
}

// subject is the topic of the plan's events.
func (p *plan) subject() string { return cmp.Or(p.topic, topic) }

func (x *transfer) settledLedger() *account.Ledger {
	if x.ledger != nil {
		return x.ledger(x)
	}
	return account.Settle(&x.input)
}

// title names the plan among those of its lab.
func (p *plan) title() string {
	r := report.Run{Transport: p.transport.name, Reliability: p.transport.reliability, Variant: p.variant}
	return r.Name()
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

// deliver is the subscriber's application: it notes the event and, if asked
// to be slow, takes its time. It runs on the client's reading goroutine.
func (x *transfer) deliver(f *framing.Frame) {
	x.mu.Lock()
	x.deliveries = append(x.deliveries, account.Delivery{ID: account.ID{Origin: f.Origin, Sequence: f.Sequence}, Time: x.clock.Now()})
	x.mu.Unlock()
	if x.options.ReaderDelay > 0 {
		<-x.clock.NewTimer(x.options.ReaderDelay).C()
	}
}

func (x *transfer) delivered() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.deliveries)
}

// alphabet is a payload of that many bytes.
func alphabet(size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte('a' + i%26)
	}
	return payload
}

// emit sends n events, each at its time; what is late goes at once, and its
// latency counts from when it was meant to go.
func (x *transfer) emit(ctx context.Context, n int) error {
	payload := alphabet(x.options.Size)
	already := len(x.input.Emissions)
	interval := float64(time.Second) / x.options.Pace
	start := x.clock.Now()
	defer func() { x.emitting = [2]time.Time{start, x.clock.Now()} }()
	for i := range n {
		due := start.Add(time.Duration(float64(i) * interval))
		if err := x.wait(ctx, due.Sub(x.clock.Now())); err != nil {
			return err
		}
		if x.options.stopped() {
			return errStopped
		}
		if x.body != nil {
			payload = x.body(already + i)
		}
		if err := x.emitOne(ctx, due, payload); err != nil {
			return err
		}
		if i%256 == 0 {
			x.options.progress(x.title(), x.delivered())
		}
	}
	return ctx.Err()
}

// wait lets d pass, if it is positive and ctx has not ended.
func (x *transfer) wait(ctx context.Context, d time.Duration) error { return pause(ctx, x.clock, d) }

func pause(ctx context.Context, c clock.Clock, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// emitOne emits one event. An error of plain UDP costs that event; one of TCP
// or of a rung ends the connection, and the account shows it.
func (x *transfer) emitOne(ctx context.Context, due time.Time, payload []byte) error {
	sequence, err := x.emitter.EmitAt(due, x.subject(), payload)
	if err != nil && x.reopen != nil && x.transport.stream {
		x.input.Broken = true
		if err := x.reopen(ctx, x); err != nil {
			return err
		}
		sequence, err = x.emitter.EmitAt(due, x.subject(), payload)
	}
	if _, tooLarge := errors.AsType[*framing.SizeError](err); tooLarge {
		return err
	}
	m, broken := x.emission(account.ID{Origin: x.origin, Sequence: sequence}, len(x.input.Emissions), due, err)
	x.input.Broken = x.input.Broken || broken
	x.input.Emissions = append(x.input.Emissions, m)
	return nil
}

// emission is what a client's log says of an event that it emitted after some
// others, given the error that it got; broken tells that its connection is
// over.
func (x *transfer) emission(id account.ID, after int, due time.Time, err error) (m account.Emission, broken bool) {
	broken = err != nil && (x.transport.stream || x.transport.rung)
	if id.Sequence == 0 {
		id.Sequence = uint64(after) + 1 // a refused event has no number of its own
	}
	return account.Emission{ID: id, Time: due, Refused: err != nil && !broken}, broken
}

// owed is how many deliveries there should be of what was emitted.
func (x *transfer) owed() (n int) {
	for i := range x.input.Emissions {
		n += max(1, len(x.input.Emissions[i].To))
	}
	return n
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

// count reads what the kernels counted.
func (x *transfer) count() error {
	for side, h := range x.hosts {
		after, err := h.Counters()
		if err != nil {
			return err
		}
		d := after.Minus(x.before[side])
		x.counted[side] = d
		firewall, err := h.Firewall()
		if err != nil {
			return err
		}
		x.input.Kernels[side] = account.Kernel{
			ReceiveBuffer: d["Udp.RcvbufErrors"] + d["Udp.MemErrors"] + d["Udp6.RcvbufErrors"] + d["Udp6.MemErrors"],
			Checksum:      d["Udp.InCsumErrors"] + d["Udp6.InCsumErrors"],
			NoSocket:      d["Udp.NoPorts"] + d["Udp6.NoPorts"],
			Firewall:      firewall,
			Reassembly:    d["Ip.ReasmFails"] - d["Ip.ReasmTimeout"] + d["Ip6.ReasmFails"] - d["Ip6.ReasmTimeout"],
			Interface:     d["Cable.Dropped"] + d["Link.RxDropped"],
			SendBuffer:    d["Udp.SndbufErrors"] + d["Udp6.SndbufErrors"],
			Queue:         d["Qdisc.Dropped"],
			Retransmits:   d["Tcp.RetransSegs"],
			Fast:          d["TcpExt.TCPFastRetrans"],
			AfterRTO:      d["TcpExt.TCPSlowStartRetrans"],
			Timeouts:      d["TcpExt.TCPTimeouts"],
			Probes:        d["TcpExt.TCPLossProbes"],
		}
	}
	return nil
}

// collect takes over what all witnesses saw.
func (x *transfer) collect(r *Recording) {
	x.input.Transport = x.transport.protocol
	x.input.Port = serverPort
	x.input.Deliveries = x.deliveries
	x.input.Server = x.trace.records()
	x.input.Taps, x.input.Doors = r.Taps, r.Doors
	if x.transport.protocol == dissect.UDP {
		x.input.Reasons = r.Reasons
	}
	x.tellDrops()
	x.input.Invalid = x.trace.unreadable()
	x.input.Repeats = x.forced || x.options.backend() == BackendVirtual
	x.input.Wire = r.Wire
	x.input.Opened = x.transport.seals.opened()
	if x.transport.rung {
		x.rung.Strange = x.trace.strangers()
		x.input.Rung = &x.rung
	}
}
