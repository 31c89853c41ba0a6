package labs

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
	"rawlab/tcpq"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// client is what a lab needs of tcpq's and udpq's clients.
type client interface {
	EmitAt(t time.Time, topic string, payload []byte) (uint64, error)
	Subscribe(ctx context.Context, topic string) (framing.Receipt, error)
	LocalAddr() net.Addr
	Close() error
}

// transport is one way to carry events.
type transport struct {
	name, reliability string
	protocol          dissect.Protocol
	stream            bool                                                                        // it has connections, segments and windows
	alone             bool                                                                        // its emitter is the subscriber too
	rung              bool                                                                        // over UDP, it sends again or makes good what the wire loses
	complete          bool                                                                        // it delivers everything, in order, or breaks
	seals             *seals                                                                      // what DTLS has enciphered; nil: it is not there
	serve             func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) // nil: nobody is there
	dial              func(ctx context.Context, h Host, d *dialOptions) (client, error)
}

// serverOptions are what labs ask of a server.
type serverOptions struct {
	address string
	clock   clock.Clock
	epoch   uint64 // of the queue's logs; it travels in every welcome
	trace   func(queue.TraceEvent)
	topics  map[string]queue.Policy

	fragments  udpq.Fragments
	congestion udpq.Congestion
	complete   bool // of the transport

	retention queue.Retention
	store     queue.Store        // nil: one in memory that nobody else has
	tuneTCP   func(*tcpq.Config) // last word on the server's configuration; nil: none
	tuneUDP   func(*udpq.Config)
	beside    func(context.Context, *udpq.Server) (wait func() error, err error) // what runs beside the server until the context ends; nil: nothing
	wrap      func(net.PacketConn) (net.PacketConn, error)                       // what datagrams pass through; nil: nothing
}

func (s *serverOptions) queue() (*queue.Queue, error) {
	store := s.store
	if store == nil {
		store = memory.NewWithEpoch(0, s.epoch)
	}
	return queue.New(&queue.Config{Clock: s.clock, Store: store, Topics: s.topics, Retention: s.retention, Trace: s.trace})
}

// dialOptions are what labs ask of a client.
type dialOptions struct {
	address string // of the server
	clock   clock.Clock
	name    string // of a durable client
	origin  uint64
	onEvent func(*framing.Frame)
	opened  func(net.Conn) error // given the socket before it is used
	flush   time.Duration        // over TCP, for how long what is emitted gathers

	patience time.Duration // of who finds nobody there

	fragments  udpq.Fragments
	congestion udpq.Congestion
	tls        *tls.Config                     // whom the client believes, over TLS or DTLS; nil: it speaks neither
	seal       func(dtls.ClientConfig) dialing // how one dials over DTLS
	tune       func(*udpq.ClientConfig)        // last word on the client's configuration; nil: none
}

// open dials from the host and hands the socket to whom it concerns.
func (d *dialOptions) open(h Host) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := h.Dial(ctx, network, address)
		if err != nil || d.opened == nil {
			return c, err
		}
		if err := d.opened(c); err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	}
}

// runningServer is a server that serves until it is stopped.
type runningServer struct {
	socket any               // what it listens on
	stats  func() udpq.Stats // over UDP
	open   func() int        // connections, over TCP
	cancel context.CancelFunc
	stop   func() error // ends it in good order, once; waits
}

// start runs serve until stop is called.
func start(ctx context.Context, socket any, serve func(context.Context) error) *runningServer {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // stop alone ends it, so that it can drain
	done := make(chan error, 1)                                   // the one answer of serve
	go func() { done <- serve(ctx) }()
	return &runningServer{socket: socket, cancel: cancel, stop: sync.OnceValue(func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})}
}

// patience is how long a connection may take to be made: a path may be slow,
// and so may a machine.
const patience = time.Minute

var overTCP = &transport{
	name: "tcp", reliability: "tcp", protocol: dissect.TCP, stream: true, complete: true,
	serve: func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		q, err := s.queue()
		if err != nil {
			return nil, err
		}
		l, err := h.Listen(ctx, "tcp", s.address)
		if err != nil {
			return nil, err
		}
		// A slow subscriber slows the emitter, as TCP itself does, and loses nothing.
		config := tcpq.Config{
			Clock: s.clock, Queue: q, Policy: queue.Block, Trace: s.trace,
			IdleTimeout: -1, FrameTimeout: -1, HandshakeTimeout: patience, // nothing but events is on the wire, which may be as bad as it likes
		}
		if s.tuneTCP != nil {
			s.tuneTCP(&config)
		}
		server := tcpq.NewServer(&config)
		running := start(ctx, l, func(ctx context.Context) error { return server.Serve(ctx, l) })
		running.open = func() int { return server.Stats().Connections }
		return running, nil
	},
	dial: func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		c, err := tcpq.Dial(ctx, d.address, &tcpq.ClientConfig{
			Clock: d.clock, Name: d.name, Origin: d.origin, OnEvent: d.onEvent, Dial: d.open(h), TLS: d.tls,
			HandshakeTimeout: patience, FlushInterval: d.flush,
		})
		if err != nil {
			return nil, err // and not a client that is nil
		}
		return c, nil
	},
}
