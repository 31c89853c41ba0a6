package tcpq

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
)

// Defaults of [Config] and [ClientConfig].
const (
	DefaultMaxConnections   = 10_000
	DefaultMaxPerAddress    = 2_000
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultFrameTimeout     = 30 * time.Second
	DefaultIdleTimeout      = 2 * time.Minute
	DefaultDrainTimeout     = 5 * time.Second
	DefaultBufferBytes      = 1 << 20
)

// Config configures a server. The zero value works.
type Config struct {
	Clock            clock.Clock    // default clock.Real
	Logger           *slog.Logger   // default silent
	Queue            *queue.Queue   // shared with other servers; default one of its own
	FrameLimit       int            // largest whole frame in bytes, default framing.DefaultLimit
	OutboxBytes      int            // events waiting for a subscriber, default queue.DefaultOutboxBytes, with queue.Block DefaultBlockBytes
	Policy           queue.Overflow // what happens at OutboxBytes, default queue.DropOldest
	MaxConnections   int            // default DefaultMaxConnections
	MaxPerAddress    int            // connections from one IP address, default DefaultMaxPerAddress, negative: as many as there may be
	MaxSubscriptions int            // of a connection, default queue.DefaultMaxSubscriptions
	HandshakeTimeout time.Duration  // until the hello is here, default DefaultHandshakeTimeout
	FrameTimeout     time.Duration  // until a frame that has begun is whole, default DefaultFrameTimeout, negative: no limit
	IdleTimeout      time.Duration  // a client silent for so long, though pinged, is cut off, default DefaultIdleTimeout, negative: never
	DrainTimeout     time.Duration  // for flushing outboxes when Serve is cancelled, default DefaultDrainTimeout

	TLS     *tls.Config     // default none: plain TCP
	Keyring *access.Keyring // who may emit and listen to what, default everybody to everything

	// Trace is told of every event received, and of every one forwarded or
	// dropped. It must be quick and must not call the server.
	Trace func(queue.TraceEvent)
}

func (c *Config) orDefault() Config {
	var d Config
	if c != nil {
		d = *c
	}
	d.Clock = clock.Or(d.Clock)
	d.Logger = cmp.Or(d.Logger, slog.New(slog.DiscardHandler))
	d.FrameLimit = cmp.Or(d.FrameLimit, framing.DefaultLimit)
	d.MaxConnections = cmp.Or(d.MaxConnections, DefaultMaxConnections)
	d.MaxPerAddress = cmp.Or(d.MaxPerAddress, DefaultMaxPerAddress)
	d.HandshakeTimeout = cmp.Or(d.HandshakeTimeout, DefaultHandshakeTimeout)
	d.FrameTimeout = cmp.Or(d.FrameTimeout, DefaultFrameTimeout)
	d.IdleTimeout = cmp.Or(d.IdleTimeout, DefaultIdleTimeout)
	d.DrainTimeout = cmp.Or(d.DrainTimeout, DefaultDrainTimeout)
	return d
}

// Listen listens on a TCP address, for Serve. Plain TCP: net.Listen would
// make a Multipath TCP socket, whose segments differ.
func Listen(addr string) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", addr)
}

func dialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	d.SetMultipathTCP(false)
	return d.DialContext(ctx, network, addr)
}
