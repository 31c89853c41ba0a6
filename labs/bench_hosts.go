package labs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/labs/host"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// bench is two hosts and the wire between them for a lab that uses sockets
// bare, without servers and clients. Events travel all the same, and each is
// accounted for.
type bench struct {
	options *Options
	network Network
	clock   clock.Clock
	hosts   [2]Host // by side
	sockets sockets
	forced  bool // the script decides when things happen, so that timing does not

	mu        sync.Mutex // of what follows
	input     account.Input
	sequences map[uint64]uint64 // emitted so far, by origin
}

// converse makes a network, runs the script on its hosts, and settles the
// account of the events that it emitted over a transport.
func (out *Outcome) converse(ctx context.Context, o *Options, t *transport, variant string, script func(context.Context, *bench) error) error {
	ctx, n, err := newNetwork(ctx, o)
	if err != nil {
		return err
	}
	b := &bench{options: o, network: n, clock: n.Clock(), sequences: map[uint64]uint64{}}
	b.hosts = [2]Host{&cutHost{n.Client(), &b.sockets}, &cutHost{n.Server(), &b.sockets}}
	recording, err := b.run(ctx, script)
	if closing := n.Close(); err == nil {
		err = closing
	}
	if err := cutAs(ctx, err); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	b.input.Transport, b.input.Port, b.input.Repeats = t.protocol, serverPort, b.forced || o.backend() == BackendVirtual
	b.input.Taps, b.input.Doors, b.input.Wire = recording.Taps, recording.Doors, recording.Wire
	e := &report.Evidence{
		Transport: t.name, Reliability: t.reliability, Variant: variant, Ledger: account.Settle(&b.input),
		Emissions: b.input.Emissions, Taps: recording.Taps, Wire: recording.Wire,
	}
	own := *o
	own.TCPInfo = 0 // nobody looked
	out.add(e, &plan{transport: t, variant: variant}, &own, recording)
	out.Result.Scenario.CongestionControl = recording.CongestionControl
	return nil
}

func (b *bench) run(ctx context.Context, script func(context.Context, *bench) error) (*Recording, error) {
	defer b.sockets.cutAll()
	defer context.AfterFunc(ctx, b.sockets.cutAll)()
	if err := b.network.Impair(b.options.Seed, b.options.path()); err != nil {
		return nil, err
	}
	if err := script(ctx, b); err != nil {
		return nil, err
	}
	if err := b.drain(ctx); err != nil {
		return nil, err
	}
	r, err := b.network.Finish()
	if err == nil {
		r.CongestionControl, err = b.network.Client().CongestionControl()
	}
	return r, err
}

// drain waits until the wire holds nothing, and nothing has come for some looks.
func (b *bench) drain(ctx context.Context) error {
	var last [2]wire.Stats
	for still := 0; still < settledLooks; {
		b.input.End = b.clock.Now()
		now, err := b.network.Wire()
		if err != nil {
			return err
		}
		if now[0].Held+now[1].Held > 0 || now[0].Packets != last[0].Packets || now[1].Packets != last[1].Packets {
			last, still = now, 0
		} else {
			still++
		}
		if err := b.wait(ctx, look); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) wait(ctx context.Context, d time.Duration) error { return pause(ctx, b.clock, d) }

// listen opens a listener at the server host.
func (b *bench) listen(ctx context.Context, o host.Listening) (net.Listener, error) {
	return b.hosts[account.Server].ListenAs(ctx, "tcp", b.options.serverAddress(), o)
}

// connect opens a connection from the client host, and returns both ends.
func (b *bench) connect(ctx context.Context, l net.Listener) (client, server net.Conn, err error) {
	if client, err = b.hosts[account.Client].Dial(ctx, "tcp", b.options.serverAddress()); err != nil {
		return nil, nil, err
	}
	server, err = l.Accept()
	return client, server, err
}

// acceptAll accepts n connections, takes an event from each, and closes it
// once its client has.
func (b *bench) acceptAll(l net.Listener, n int) error {
	for range n {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if err := errors.Join(b.take(c), b.ended(c), c.Close()); err != nil {
			return err
		}
	}
	return nil
}

// emit writes an event to a connection.
func (b *bench) emit(c net.Conn, origin uint64) error {
	b.mu.Lock()
	b.sequences[origin]++
	now := b.clock.Now()
	f := framing.Frame{
		Kind: framing.KindEmit, Origin: origin, Sequence: b.sequences[origin], Time: uint64(now.UnixNano()),
		Topic: []byte(topic), Payload: alphabet(b.options.Size),
	}
	b.mu.Unlock()
	b.emitting(account.ID{Origin: origin, Sequence: f.Sequence}, now)
	frame, err := f.Append(nil)
	if err == nil {
		_, err = c.Write(frame)
	}
	return err
}

// take reads the next event of a connection.
func (b *bench) take(c net.Conn) error {
	f, err := framing.NewReader(c, framing.DefaultLimit).Next()
	if err != nil {
		return fmt.Errorf("no event came: %w", err)
	}
	b.delivered(account.ID{Origin: f.Origin, Sequence: f.Sequence})
	return nil
}

// ended waits until the other end has finished what it says.
func (b *bench) ended(c net.Conn) error {
	var one [1]byte
	if n, err := c.Read(one[:]); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("the other end did not end: %d bytes, %w", n, err)
	}
	return nil
}

// closeWrite ends one direction of a connection.
func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("%T has no half to close", c)
	}
	return half.CloseWrite()
}

// emitting notes an event on its way.
func (b *bench) emitting(id account.ID, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.input.Emissions = append(b.input.Emissions, account.Emission{ID: id, Time: at})
}

// delivered notes that an event has come to its application.
func (b *bench) delivered(id account.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.input.Deliveries = append(b.input.Deliveries, account.Delivery{ID: id, Time: b.clock.Now()})
}

// perish notes that whoever had an event is gone, and it with him unless it
// comes again.
func (b *bench) perish(id account.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.input.Server == nil {
		b.input.Server = map[account.ID]account.ServerRecord{}
	}
	b.input.Server[id] = account.ServerRecord{Fate: account.ConnectionLost}
}

// emission is the event whose number in the lab, from 1, a payload begins with.
func (b *bench) emission(payload []byte) account.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.input.Emissions[binary.BigEndian.Uint64(payload)-1].ID
}
