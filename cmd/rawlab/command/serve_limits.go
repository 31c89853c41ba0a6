package command

import (
	"time"

	"github.com/spf13/pflag"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
)

// limitFlags are the bounds of a server.
type limitFlags struct {
	connections, perAddress, topics, subscriptions, sourceRate int
	handshake, frame, idle, drain                              time.Duration
	frameBytes, outbox                                         bytesValue
	pack                                                       packValue
	congestion                                                 udpq.Congestion
	offload                                                    bool
	fragments                                                  string
	pace                                                       paceFlags
}

func (f *limitFlags) register(s *pflag.FlagSet) {
	f.frameBytes = framing.DefaultLimit
	s.IntVar(&f.connections, "max-connections", tcpq.DefaultMaxConnections, "TCP connections, and UDP sessions, at a time")
	s.IntVar(&f.perAddress, "max-per-address", tcpq.DefaultMaxPerAddress, "TCP connections, and UDP sessions, from one address (of IPv6: one /64)")
	s.IntVar(&f.sourceRate, "udp-source-rate", udpq.DefaultSourceRate, "hellos, DTLS's too, and frames without a session, that are heeded a second from one such address over UDP")
	s.IntVar(&f.topics, "max-topics", queue.DefaultMaxTopics, "topics that are listened to or stored")
	s.IntVar(&f.subscriptions, "max-subscriptions", queue.DefaultMaxSubscriptions, "topics and patterns that one client listens to")
	s.Var(&f.frameBytes, "max-frame", "largest frame over TCP; K, M and G are powers of 1024")
	s.Var(&f.outbox, "outbox", "what may wait for one client, before --overflow (default 8M, with block 512K)")
	f.pack.register(s, "gather what waits for a UDP client into datagrams")
	registerCongestion(s, "udp-congestion", &f.congestion, "of what UDP clients with --reliability ack are sent")
	s.StringVar(&f.fragments, "udp-fragments", "own", "who cuts an event for UDP clients that is larger than a datagram: 'own' this program, 'ip' the kernel")
	f.pace.register(s, "to each client")
	s.BoolVar(&f.offload, "udp-offload", false, "let Linux cut and join UDP datagrams (GSO, GRO): faster, but captures on this machine show trains of them")
	s.DurationVar(&f.handshake, "handshake-timeout", tcpq.DefaultHandshakeTimeout, "for a client to say hello, TLS included")
	s.DurationVar(&f.frame, "frame-timeout", tcpq.DefaultFrameTimeout, "for a frame to be whole once it has begun")
	s.DurationVar(&f.idle, "idle-timeout", tcpq.DefaultIdleTimeout, "cut off a TCP client silent for so long, though pinged; over UDP half of it")
	s.DurationVar(&f.drain, "drain", tcpq.DefaultDrainTimeout, "for delivering what waits, at the end")
}

func (f *limitFlags) check() error {
	for name, v := range map[string]int{
		"max-connections": f.connections, "max-per-address": f.perAddress, "max-topics": f.topics, "max-subscriptions": f.subscriptions,
		"udp-source-rate": f.sourceRate,
	} {
		if v < 1 {
			return usagef("--%s %d: want 1 or more", name, v)
		}
	}
	for name, d := range map[string]time.Duration{
		"handshake-timeout": f.handshake, "frame-timeout": f.frame, "idle-timeout": f.idle, "drain": f.drain,
	} {
		if d < time.Millisecond {
			return usagef("--%s %v: want 1ms or more", name, d)
		}
	}
	if f.frameBytes < 1<<10 || f.frameBytes > 1<<30 {
		return usagef("--max-frame %d: want 1K to 1G", f.frameBytes)
	}
	if f.outbox != 0 && f.outbox < f.frameBytes {
		return usagef("--outbox %d: smaller than a frame may be (--max-frame %d)", f.outbox, f.frameBytes)
	}
	if _, err := udpq.ParseFragments(f.fragments); err != nil {
		return usagef("--udp-fragments: %w", err)
	}
	return f.pace.check()
}

func (f *limitFlags) apply(t *tcpq.Config, u *udpq.Config) {
	t.MaxConnections, u.MaxSessions = f.connections, f.connections
	t.MaxPerAddress, u.MaxPerAddress, u.SourceRate = f.perAddress, f.perAddress, f.sourceRate
	t.MaxSubscriptions, u.MaxSubscriptions = f.subscriptions, f.subscriptions
	t.FrameLimit = int(f.frameBytes)
	t.OutboxBytes, u.OutboxBytes = int(f.outbox), int(f.outbox)
	u.Fragments = udpq.Fragments(f.fragments)
	u.Congestion, u.Pace = f.congestion, f.pace.pace()
	u.PackBudget, u.Offload = int(f.pack), f.offload
	t.HandshakeTimeout, t.FrameTimeout, t.IdleTimeout = f.handshake, f.frame, f.idle
	u.IdleTimeout = f.idle / 2 // its clients ping by themselves
	t.DrainTimeout, u.DrainTimeout = f.drain, f.drain
}
