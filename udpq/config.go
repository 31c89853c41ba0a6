package udpq

import (
	"cmp"
	"log/slog"
	"net"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/udpq/fragment"
	"rawlab/udpq/nack"
)

// MaxDatagram is the largest UDP payload in bytes over IPv4:
// 65535 − 20 (IPv4, RFC 791) − 8 (UDP, RFC 768). It bounds a datagram.
const MaxDatagram = 65507

// MaxEmit is the largest emit frame in bytes that udpq sends, in pieces if
// need be: as large as a frame over TCP.
const MaxEmit = framing.DefaultLimit

// MaxWhole is the largest emit frame in bytes that udpq sends in one datagram,
// with [FragmentsIP] or to a server that knows no pieces: a stored event is
// delivered with an offset of 8 bytes more, and most rungs put a header
// behind it.
const MaxWhole = MaxDatagram - storedBytes - maxHeaderBytes

const (
	storedBytes = 8                     // how much larger than its emit an event may be
	maxFrame    = MaxEmit + storedBytes // the largest frame that comes in pieces
)

// PackAuto is a PackBudget: as much as the path takes, see Datagram.
const PackAuto = -1

// leastDatagram is the smallest datagram in bytes that is made room for.
const leastDatagram = fragment.MinBudget

// Defaults of [Config] and [ClientConfig].
const (
	DefaultMaxSessions   = 10_000
	DefaultMaxPerAddress = 2_000
	DefaultSourceRate    = 1_000
	DefaultIdleTimeout   = time.Minute
	DefaultDrainTimeout  = 5 * time.Second
	DefaultReceiveBuffer = 16 << 20 // bytes asked for, 60 ms of the fastest flows; the system may grant less
)

// Config configures a server. The zero value works.
type Config struct {
	Clock            clock.Clock    // default clock.Real
	Logger           *slog.Logger   // default silent
	Queue            *queue.Queue   // shared with other servers; default one of its own
	OutboxBytes      int            // events waiting for a subscriber, default queue.DefaultOutboxBytes, with queue.Block DefaultBlockBytes
	Policy           queue.Overflow // what happens at OutboxBytes, default queue.DropOldest
	PackBudget       int            // gather what waits into datagrams of so many bytes, or PackAuto; default 0: one event each
	Fragments        Fragments      // who cuts what is larger than Datagram, default FragmentsOwn
	Datagram         int            // the largest datagram in bytes that is packed or cut for, default what the path takes, as probes find out (RFC 8899): pmtu.Base before, and where the system does not tell, or PackBudget if that is larger
	FragmentTimeout  time.Duration  // an event of which no piece came for so long is lost, default fragment.DefaultTimeout; with ReliabilityAck never
	ReceiveBuffer    int            // of the socket in bytes, default DefaultReceiveBuffer, negative: the system's
	Offload          bool           // let Linux cut and join datagrams (UDP GSO, GRO): faster, and captures on this machine show trains of them
	MaxSessions      int            // default DefaultMaxSessions
	MaxPerAddress    int            // sessions from one IP address, of IPv6 one /64, default DefaultMaxPerAddress, negative: as many as there may be
	SourceRate       int            // hellos, and frames without a session, heeded a second from one such address, default DefaultSourceRate, negative: all
	MaxSubscriptions int            // of a session, default queue.DefaultMaxSubscriptions
	ReplayWindow     int            // replayed events on the way unacknowledged, default 64
	IdleTimeout      time.Duration  // a session silent for so long has ended, default DefaultIdleTimeout, negative: never
	DrainTimeout     time.Duration  // for flushing outboxes when Serve is cancelled, default DefaultDrainTimeout

	// Pace bounds how fast datagrams leave for each client, and for each group,
	// default none. What waits then, waits in the client's outbox.
	Pace Pace

	// Congestion controls what is sent with [ReliabilityAck], default
	// ack.Westwood. It panics to name another than ack.Congestions tells.
	Congestion Congestion

	// Nack bounds what is spent on repairs for each client with
	// [ReliabilityNack], default see package nack.
	Nack nack.Config

	// Secret is what cookies and the keys of sessions are made from, default
	// one that is drawn. Who knows it can pretend to be any client.
	Secret []byte

	Keyring *access.Keyring // who may emit and listen to what, default everybody to everything; tokens travel unencrypted, unless over package dtls

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
	d.Datagram = datagramBudget(d.Datagram)
	d.ReceiveBuffer = cmp.Or(d.ReceiveBuffer, DefaultReceiveBuffer)
	d.MaxSessions = cmp.Or(d.MaxSessions, DefaultMaxSessions)
	d.MaxPerAddress = cmp.Or(d.MaxPerAddress, DefaultMaxPerAddress)
	d.SourceRate = cmp.Or(d.SourceRate, DefaultSourceRate)
	d.ReplayWindow = cmp.Or(d.ReplayWindow, 64)
	d.IdleTimeout = cmp.Or(d.IdleTimeout, DefaultIdleTimeout)
	d.DrainTimeout = cmp.Or(d.DrainTimeout, DefaultDrainTimeout)
	return d
}

// limit is the largest frame in bytes that the server takes.
func (c *Config) limit() uint32 {
	if c.Fragments == FragmentsIP {
		return MaxDatagram
	}
	return MaxEmit
}

// datagramBudget returns the largest datagram wanted, 0 for none in particular.
func datagramBudget(wanted int) int {
	if wanted <= 0 {
		return 0
	}
	return min(max(wanted, leastDatagram), MaxDatagram)
}

// Listen opens a UDP socket at an address, for Serve.
func Listen(addr string) (net.PacketConn, error) {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, err
	}
	if owned, is := own(conn.(net.Conn)).(net.PacketConn); is {
		return owned, nil
	}
	return conn, nil
}
