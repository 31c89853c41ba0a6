package labs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/host"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// SocketStates follows TCP's sockets through their lives.
var SocketStates = &Lab{
	Name:     "sockets",
	Question: "what is a TCP socket while nobody looks: its states, its queue, and what it leaves behind?",
	Varies:   "which end closes first, whether anybody accepts, and how the port is bound again",
	Held:     "the hosts, the wire, one event for each connection and one answer",
	Expect:   "both ends go through the states of RFC 9293; who closes first remembers the connection in TIME-WAIT; who comes to a full backlog is not refused but ignored, and tries again",
	Predict: Prediction{
		Ask:  "A server listens with a backlog of %s and accepts nobody yet. Clients connect one after the other. How many of them are told that they are connected?",
		Unit: "connections", Given: func(*Options) string { return fmt.Sprint(shortBacklog) },
		Answer: func(r *report.Result) float64 { return r.Figures["connected before anybody accepted"] },
	},
	Defaults: Options{Events: 1, Size: 16, Pace: 1_000, Seed: 1, Impairment: wire.Impairment{Delay: 25 * time.Millisecond}},
	Takes:    []string{"size", "delay", "seed", "ipv6"},
	Next: []string{
		"rawlab lab run sockets --backend virtual",
		"rawlab lab run sockets --delay 100ms -o result",
		"rawlab net up & rawlab net status --tcp",
		"rawlab lab run rebinding",
	},
	Reading: []string{
		"RFC 9293, sections 3.3.2 (states) and 3.6 (closing, half-closed)", "RFC 9293, section 3.6.1 (TIME-WAIT)", "RFC 1122, section 4.2.2.13",
		"listen(2), on the backlog", "socket(7), on SO_REUSEADDR",
	},
	run: runSocketStates,
}

const (
	shortBacklog = 2 // connections that may wait to be accepted
	crowd        = 5 // clients that come while nobody accepts

	leastDelay = 10 * time.Millisecond // of the wire, to see what happens
)

// socketLives is what the lab saw.
type socketLives struct {
	client, server life  // of the connection that the client and that the server closed first
	half           bool  // the answer came although the client had said that it has finished
	refused        error // binding without SO_REUSEADDR while a TIME-WAIT is there
	reused         error // and with it
	queued         []knock
	connected      int // of those, before anybody accepted
	waiting        int // sockets in SYN-SENT then
	overflows      int64
}

// life is one connection's states.
type life struct {
	states    []state
	remembers [2]bool // by side: a TIME-WAIT is left when both ends have closed
}

// knock is a client that came while nobody accepted.
type knock struct {
	conn net.Conn
	port uint16
	took time.Duration // to be connected
	syns int           // that it sent
	err  error
}

func runSocketStates(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Impairment.Delay < leastDelay {
		return nil, &OptionError{fmt.Errorf("--delay %v: needs at least %v, for some states last only while a packet is under way", o.Impairment.Delay, leastDelay)}
	}
	out := &Outcome{Result: newResult(o)}
	s := &socketLives{}
	if err := out.converse(ctx, o, overTCP, "", s.script); err != nil {
		return nil, err
	}
	s.countKnocks(&out.Evidence[0])
	r := out.Result
	r.Figures = map[string]float64{"connected before anybody accepted": float64(s.connected)}
	r.Details = s.table()
	r.Checks = s.checks(o, &r.Runs[0])
	r.Story = s.story(o)
	return out, nil
}

func (s *socketLives) script(ctx context.Context, b *bench) error {
	l, err := b.listen(ctx, host.Listening{Reuse: true})
	if err != nil {
		return err
	}
	if err := s.clientFirst(ctx, b, l); err != nil {
		return fmt.Errorf("the client closes first: %w", err)
	}
	if err := s.serverFirst(ctx, b, l); err != nil {
		return fmt.Errorf("the server closes first: %w", err)
	}
	if err := l.Close(); err != nil {
		return err
	}
	return s.bindAgain(ctx, b)
}

// clientFirst lives through a connection in which the client says first that
// it has finished, and is answered all the same.
func (s *socketLives) clientFirst(ctx context.Context, b *bench, l net.Listener) error {
	w, err := b.watch(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	client, server, err := b.connect(ctx, l)
	if err != nil {
		return err
	}
	if err := errors.Join(b.emit(client, emitterID), b.take(server)); err != nil {
		return err
	}
	if err := errors.Join(closeWrite(client), b.ended(server)); err != nil {
		return err
	}
	if err := w.until(ctx, account.Client, "FIN-WAIT-2"); err != nil {
		return err
	}
	if err := errors.Join(b.emit(server, listenerID), b.take(client)); err != nil {
		return err
	}
	s.half = true
	if err := errors.Join(server.Close(), b.ended(client)); err != nil {
		return err
	}
	if err := w.until(ctx, account.Server, ""); err != nil {
		return err
	}
	err = client.Close()
	s.client = w.life()
	return err
}

// serverFirst lives through one that the server closes.
func (s *socketLives) serverFirst(ctx context.Context, b *bench, l net.Listener) error {
	w, err := b.watch(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	client, server, err := b.connect(ctx, l)
	if err != nil {
		return err
	}
	if err := errors.Join(b.emit(client, emitterID), b.take(server)); err != nil {
		return err
	}
	if err := errors.Join(server.Close(), b.ended(client), client.Close()); err != nil {
		return err
	}
	if err := w.until(ctx, account.Client, ""); err != nil {
		return err
	}
	if err := w.until(ctx, account.Server, "TIME-WAIT"); err != nil {
		return err
	}
	s.server = w.life()
	return nil
}

// bindAgain binds the port while the host still remembers a connection there,
// and lets clients come to the listener that nobody accepts from.
func (s *socketLives) bindAgain(ctx context.Context, b *bench) error {
	l, err := b.listen(ctx, host.Listening{})
	if s.refused = err; err == nil {
		l.Close()
	}
	if l, s.reused = b.listen(ctx, host.Listening{Reuse: true, Backlog: shortBacklog}); s.reused != nil {
		return s.reused
	}
	return s.crowd(ctx, b, l)
}

// crowd has clients connect one after the other while nobody accepts, then
// accepts them all.
func (s *socketLives) crowd(ctx context.Context, b *bench, l net.Listener) error {
	before, err := b.hosts[account.Server].Counters()
	if err != nil {
		return err
	}
	results := make(chan knock, crowd)
	for n := range crowd {
		start := b.clock.Now()
		go func() {
			c, err := b.hosts[account.Client].Dial(ctx, "tcp", b.options.serverAddress())
			results <- knock{conn: c, took: b.clock.Now().Sub(start), err: err}
		}()
		if err := s.answered(ctx, b, n+1, results, before); err != nil {
			return err
		}
	}
	s.connected = len(results)
	list, err := b.hosts[account.Client].Sockets()
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.State == "SYN-SENT" {
			s.waiting++
		}
	}
	return s.accept(ctx, b, l, results)
}

// answered waits until each of n clients is connected, or its SYN was dropped.
func (s *socketLives) answered(ctx context.Context, b *bench, n int, results chan knock, before host.Counters) error {
	for began := b.clock.Now(); ; {
		now, err := b.hosts[account.Server].Counters()
		if err != nil {
			return err
		}
		s.overflows = now.Minus(before)["TcpExt.ListenOverflows"]
		if len(results)+int(s.overflows) >= n {
			return nil
		}
		if b.clock.Now().Sub(began) > patience {
			return fmt.Errorf("of %d clients %d are connected and %d SYNs were dropped within %v", n, len(results), s.overflows, patience)
		}
		if err := b.wait(ctx, watchEvery); err != nil {
			return err
		}
	}
}

// accept takes everybody in, and an event from each.
func (s *socketLives) accept(ctx context.Context, b *bench, l net.Listener, results chan knock) error {
	accepted := make(chan error, 1) // the one answer
	go func() { accepted <- b.acceptAll(l, crowd) }()
	for range crowd {
		k := <-results
		if k.err != nil {
			return k.err
		}
		k.port = k.conn.LocalAddr().(*net.TCPAddr).AddrPort().Port()
		s.queued = append(s.queued, k)
		if err := errors.Join(b.emit(k.conn, emitterID), k.conn.Close()); err != nil {
			return err
		}
	}
	return errors.Join(<-accepted, l.Close())
}
