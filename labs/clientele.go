package labs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/udpq"
)

// Topicless is the topic of a run for which none is named.
const Topicless = topic

// Topic is one topic of a run's traffic, with clients of its own.
type Topic struct {
	Name    string
	Options Options // how many clients; of each emitter its events, their size and pace; of each subscriber its delay and buffer
}

// Bounds of a run's clients.
const (
	maxTopics   = 16
	MaxClients  = 64      // of a topic that emit, or that listen
	maxOwnHosts = 32      // of a run; its links share one process, its taps the memory of few
	maxDue      = 500_000 // events of a run, each as often as it has subscribers
)

// emitters and subscribers are how many a topic has.
func (o *Options) emitters() int    { return max(1, o.Emitters) }
func (o *Options) subscribers() int { return max(1, o.Subscribers) }

// clientele is several clients of one run: some emit and some listen, each to one
// topic. Their origins count from 1, emitters first.
type clientele struct {
	topics      []Topic
	emitters    []*oneEmitter
	subscribers []*oneSubscriber
}

type oneEmitter struct {
	client    client
	topic     *Topic
	origin    uint64
	phase     float64  // of the interval between two events, until it begins
	to        []uint64 // the topic's subscribers
	emissions []account.Emission
	broken    bool
}

type oneSubscriber struct {
	client client
	topic  *Topic
	origin uint64
	socket net.Conn
}

// newClientele gives every client its number.
func newClientele(topics []Topic) *clientele {
	c := &clientele{topics: topics}
	for i := range topics {
		t := &topics[i]
		n := t.Options.emitters()
		for k := range n {
			c.emitters = append(c.emitters, &oneEmitter{topic: t, origin: uint64(len(c.emitters)) + 1, phase: float64(k) / float64(n)})
		}
	}
	for i := range topics {
		for range topics[i].Options.subscribers() {
			s := &oneSubscriber{topic: &topics[i], origin: uint64(len(c.emitters)+len(c.subscribers)) + 1}
			c.subscribers = append(c.subscribers, s)
			for _, e := range c.emitters {
				if e.topic == s.topic {
					e.to = append(e.to, s.origin)
				}
			}
		}
	}
	return c
}

// due is how many deliveries there should be.
func (c *clientele) due() int {
	n := 0
	for _, e := range c.emitters {
		n += e.topic.Options.Events * len(e.to)
	}
	return n
}

// longest is how many events one subscriber gets at most, times the time that
// it takes for each.
func (c *clientele) longest() (events int, delay time.Duration) {
	for i := range c.topics {
		o := &c.topics[i].Options
		if n := o.Events * o.emitters(); time.Duration(n)*o.ReaderDelay >= time.Duration(events)*delay {
			events, delay = n, o.ReaderDelay
		}
	}
	return events, delay
}

// connect starts all clients, subscribers first.
func (c *clientele) connect(ctx context.Context, x *transfer) error {
	x.input.Subscribers = map[netip.AddrPort]uint64{}
	for i, s := range c.subscribers {
		if err := s.connect(ctx, x); err != nil {
			return fmt.Errorf("subscriber %d: %w", i+1, err)
		}
	}
	for i, e := range c.emitters {
		var err error
		if e.client, err = x.transport.dial(ctx, x.clientHost(e.origin), x.dialing(&dialOptions{origin: e.origin})); err != nil {
			return fmt.Errorf("emitter %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *oneSubscriber) connect(ctx context.Context, x *transfer) (err error) {
	d := x.dialing(&dialOptions{origin: s.origin, onEvent: func(f *framing.Frame) { s.deliver(x, f) }, opened: func(c net.Conn) error {
		s.socket = c
		return x.prepareSocket(c, s.topic.Options.ReceiveBuffer)
	}})
	if s.client, err = x.transport.dial(ctx, x.clientHost(s.origin), d); err != nil {
		return err
	}
	if _, err = s.client.Subscribe(ctx, s.topic.Name); err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(s.client.LocalAddr().String())
	x.input.Subscribers[at] = s.origin
	return err
}

// deliver is a subscriber's application, see transfer.deliver.
func (s *oneSubscriber) deliver(x *transfer, f *framing.Frame) {
	x.mu.Lock()
	x.deliveries = append(x.deliveries, account.Delivery{ID: account.ID{Origin: f.Origin, Sequence: f.Sequence}, To: s.origin, Time: x.clock.Now()})
	x.mu.Unlock()
	if delay := s.topic.Options.ReaderDelay; delay > 0 {
		<-x.clock.NewTimer(delay).C()
	}
}

// script lets all emitters emit at the same time, then waits until everything
// has settled.
func (c *clientele) script(ctx context.Context, x *transfer) error {
	start := x.clock.Now()
	errs := make([]error, len(c.emitters))
	var wg sync.WaitGroup
	for i, e := range c.emitters {
		wg.Go(func() { errs[i] = e.emit(ctx, x, start) })
	}
	wg.Wait()
	for _, e := range c.emitters {
		x.input.Emissions = append(x.input.Emissions, e.emissions...)
		x.input.Broken = x.input.Broken || e.broken
	}
	slices.SortStableFunc(x.input.Emissions, func(a, b account.Emission) int { return a.Time.Compare(b.Time) })
	x.emitting = [2]time.Time{start, x.clock.Now()}
	if slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, errStopped) }) {
		return errStopped
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return x.settle(ctx, x.owed())
}

// emit emits all events of one client, each at its time; see transfer.emit.
func (e *oneEmitter) emit(ctx context.Context, x *transfer, start time.Time) error {
	o := &e.topic.Options
	payload, interval := alphabet(o.Size), float64(time.Second)/o.Pace
	for i := range o.Events {
		due := start.Add(time.Duration((float64(i) + e.phase) * interval))
		if err := x.wait(ctx, due.Sub(x.clock.Now())); err != nil {
			return err
		}
		if x.options.stopped() {
			return errStopped
		}
		sequence, err := e.client.EmitAt(due, e.topic.Name, payload)
		if _, tooLarge := errors.AsType[*framing.SizeError](err); tooLarge {
			return err
		}
		m, broken := x.emission(account.ID{Origin: e.origin, Sequence: sequence}, len(e.emissions), due, err)
		m.To, e.broken = e.to, e.broken || broken
		e.emissions = append(e.emissions, m)
		if i%256 == 0 {
			x.options.progress(x.title(), x.delivered())
		}
	}
	return ctx.Err()
}

// clients lists those that have connected.
func (c *clientele) clients() []*client {
	var list []*client
	for _, e := range c.emitters {
		list = append(list, &e.client)
	}
	for _, s := range c.subscribers {
		list = append(list, &s.client)
	}
	return list
}

// open counts the datagrams that emitters may send again.
func (c *clientele) open() (n int) {
	for _, e := range c.emitters {
		if u, ok := e.client.(*udpq.Client); ok {
			n += u.Stats().Unacknowledged
		}
	}
	return n
}

// sockets are the subscribers'.
func (c *clientele) sockets() (list []any) {
	for _, s := range c.subscribers {
		list = append(list, s.socket)
	}
	return list
}
