package labs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/labs/report"
	"rawlab/udpq"
)

// errPatience ends an attempt to connect.
var errPatience = errors.New("gave up: no answer for so long as it may try")

// calls are one client's attempts to have somebody take its events, and what
// it heard of that. It is a bare socket: nobody is there to speak our protocol
// with.
type calls struct {
	title     string
	protocol  dissect.Protocol
	connected bool
	began     time.Time

	mu    sync.Mutex
	heard []heard // by the application

	// What the capture at the client's host has.
	run          *report.Run
	lines        []timeLine
	syns         []time.Time
	resets       int
	unreachables int
	back         int // packets from the server's host
}

// heard is an error that the application was told.
type heard struct {
	time time.Time
	err  error
}

// tcp is a plan that tries to connect, for one event.
func (c *calls) tcp(variant string, traffic *Options) *plan {
	c.title, c.protocol, c.connected = "TCP, "+variant, dissect.TCP, true
	return &plan{transport: c.transport("tcp", "tcp"), variant: variant, traffic: traffic, tune: func(d *dialOptions) { d.patience = traffic.Patience }, script: steady}
}

// udp is a plan that sends datagrams, each with an event, from a socket that
// knows one peer, or from one that knows none.
func (c *calls) udp(variant string, connected bool) *plan {
	c.title, c.protocol, c.connected = "UDP, "+variant, dissect.UDP, connected
	return &plan{transport: c.transport("udp", string(udpq.ReliabilityNone)), variant: variant, script: steady}
}

// transport has no server. What emits is a bare socket.
func (c *calls) transport(name, reliability string) *transport {
	return &transport{name: name, reliability: reliability, protocol: c.protocol, dial: func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		b := &bareClient{calls: c, ctx: ctx, host: h, clock: d.clock, address: d.address, patience: d.patience}
		c.began = d.clock.Now()
		if c.protocol == dissect.UDP {
			return b, b.open()
		}
		return b, nil
	}}
}

// bareClient emits frames without a session.
type bareClient struct {
	*calls
	ctx      context.Context
	host     Host
	clock    clock.Clock
	address  string
	patience time.Duration
	sequence uint64
	conn     interface {
		LocalAddr() net.Addr
		Close() error
	}
	write   func([]byte) error
	reading sync.WaitGroup
}

// open makes a UDP socket, and listens for what it is told.
func (b *bareClient) open() error {
	if b.connected {
		c, err := b.host.Dial(b.ctx, "udp", b.address)
		if err != nil {
			return err
		}
		b.conn, b.write = c, func(p []byte) error { _, err := c.Write(p); return err }
		b.reading.Go(func() { b.listen(c.Read) })
		return nil
	}
	c, err := b.host.ListenPacket(b.ctx, "udp", ":0")
	if err != nil {
		return err
	}
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(b.address))
	b.conn, b.write = c, func(p []byte) error { _, err := c.WriteTo(p, to); return err }
	b.reading.Go(func() {
		b.listen(func(p []byte) (int, error) { n, _, err := c.ReadFrom(p); return n, err })
	})
	return nil
}

// listen notes every error that reading gives, until the socket is closed.
func (b *bareClient) listen(read func([]byte) (int, error)) {
	buffer := make([]byte, 1<<16)
	for {
		_, err := read(buffer)
		if errors.Is(err, net.ErrClosed) || b.ctx.Err() != nil {
			return
		}
		if err != nil {
			b.hear(err)
			if !errors.Is(err, syscall.ECONNREFUSED) {
				return
			}
		}
	}
}

func (b *bareClient) hear(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, heard{b.clock.Now(), err})
}

// EmitAt sends an event in a datagram, or tries to connect for it.
func (b *bareClient) EmitAt(t time.Time, topic string, payload []byte) (uint64, error) {
	b.sequence++
	if b.protocol == dissect.TCP {
		return b.sequence, b.connect()
	}
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: emitterID, Sequence: b.sequence, Time: uint64(t.UnixNano()), Topic: []byte(topic), Payload: payload}
	frame, err := f.Append(nil)
	if err == nil {
		err = b.write(frame)
	}
	if err != nil {
		b.hear(err)
	}
	return b.sequence, err
}

// connect tries until it is refused or its patience ends.
func (b *bareClient) connect() error {
	ctx, cancel := context.WithCancelCause(b.ctx)
	defer cancel(nil)
	timer := b.clock.AfterFunc(b.patience, func() { cancel(errPatience) })
	defer timer.Stop()
	c, err := b.host.Dial(ctx, "tcp", b.address)
	if err == nil {
		return errors.Join(errors.New("somebody answered where nobody should be"), c.Close())
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	b.hear(err)
	return err
}

// Subscribe is for those who have a session.
func (b *bareClient) Subscribe(context.Context, string) (framing.Receipt, error) {
	return framing.Receipt{}, errors.ErrUnsupported
}

// LocalAddr is the socket's, nil of one that tries to connect.
func (b *bareClient) LocalAddr() net.Addr {
	if b.conn == nil {
		return nil
	}
	return b.conn.LocalAddr()
}

// Close ends the socket.
func (b *bareClient) Close() error {
	if b.conn == nil {
		return nil
	}
	err := b.conn.Close()
	b.reading.Wait()
	return err
}

// refused counts the refusals that the application heard of.
func (c *calls) refused() int {
	n := 0
	for _, h := range c.heard {
		if errors.Is(h.err, syscall.ECONNREFUSED) {
			n++
		}
	}
	return n
}

// firstHeard is how long the application waited for its first error, 0 if it
// had none.
func (c *calls) firstHeard() time.Duration {
	if len(c.heard) == 0 {
		return 0
	}
	return c.heard[0].time.Sub(c.began)
}

// answered reports whether every datagram that left was refused in words.
func (c *calls) answered() bool {
	return c.unreachables > 0 && c.unreachables == c.run.Fates[string(account.NoSocket)]
}

// noneEarly reports whether the waits are a second, two, four and so on, or
// longer, as on a busy machine.
func noneEarly(waits []time.Duration) bool {
	least := 950 * time.Millisecond
	for _, w := range waits {
		if w < least {
			return false
		}
		least *= 2
	}
	return true
}

// doubled reports whether each wait is about twice the one before.
func doubled(waits []time.Duration) bool {
	for i := 1; i < len(waits); i++ {
		if ratio := waits[i].Seconds() / waits[i-1].Seconds(); ratio < 1.7 || ratio > 2.4 {
			return false
		}
	}
	return true
}

// waits are the times between one SYN and the next.
func (c *calls) waits() []time.Duration {
	var waits []time.Duration
	for i := 1; i < len(c.syns); i++ {
		waits = append(waits, c.syns[i].Sub(c.syns[i-1]))
	}
	return waits
}

// words say what an error is.
func (h *heard) words() string {
	switch {
	case errors.Is(h.err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(h.err, errPatience):
		return "no answer, and its patience is over"
	case errors.Is(h.err, syscall.ETIMEDOUT):
		return "connection timed out"
	}
	return fmt.Sprint(h.err)
}
