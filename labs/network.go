package labs

import (
	"context"
	"net"
	"net/netip"
	"time"

	"rawlab/capture/account"
	"rawlab/internal/clock"
	"rawlab/labs/host"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// Host is one machine of a lab.
type Host interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	ListenAs(ctx context.Context, network, address string, o host.Listening) (net.Listener, error)
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	JoinGroup(group netip.AddrPort) (net.PacketConn, error)
	OpenGroup(group netip.AddrPort) (net.PacketConn, error)
	Counters() (host.Counters, error)
	Firewall() (bool, error)
	CongestionControl() (string, error)
	Connections() ([]host.Connection, error)
	Sockets() ([]host.Socket, error) // of TCP, in every state
}

// Network is two hosts, the wire between them, and a tap at each; or a server
// and several client hosts on a switch, of which the accounts see one side.
type Network interface {
	Clock() clock.Clock // the hosts' time
	Client() Host
	Server() Host
	// Impair changes both directions; the first leads to the server.
	Impair(seed uint64, impairments [2]wire.Impairment) error
	// Translate puts a network address translator before the client host.
	Translate(list []wire.Translation) error
	// Wire returns the wire's counters, by direction.
	Wire() ([2]wire.Stats, error)
	// Memory and SetReceiveBuffer look at and into a socket of either host.
	Memory(conn any) (host.Memory, error)
	SetReceiveBuffer(conn any, bytes int) error
	// SetCongestionControl chooses that of a TCP socket, or of all that a
	// listener will accept.
	SetCongestionControl(conn any, name string) error
	// Finish stops the wire and the taps and returns what they saw.
	Finish() (*Recording, error)
	// Close gives everything back, whether finished or not.
	Close() error
}

// Recording is everything that the witnesses of a network saw.
type Recording struct {
	Taps              [2]account.Tap   // by side
	Doors             [2]*account.Door // by side; nil on virtual hosts, whose stacks have no firewall
	Wire              [2]account.Wire  // by leg
	Lateness          []time.Duration  // of every packet that the wire held, against its own schedule
	CongestionControl string           // of the hosts' TCP
	Counted           [2]host.Counters // by side, while the plans were carried out
	Reasons           *account.Reasons // why the kernel dropped what it dropped; nil: nobody asked
	TCPInfo           []report.TCPSample
	TCPInfoExcess     int  // samples that there was no room for
	stopped           bool // before everything was emitted
}

// serverPort is the servers' port in every lab.
const serverPort = 9700

// serverAddress is where clients find the server.
func (o *Options) serverAddress() string {
	if o.IPv6 {
		return "[fd77::2]:9700"
	}
	return "10.77.0.2:9700"
}

// Backends of a lab.
const (
	BackendKernel  = "kernel"  // namespaces of this machine's kernel, in real time
	BackendVirtual = "virtual" // stacks in this process, on virtual time
)

// newNetwork makes a network of the options' backend. The context that it
// returns ends when the network cannot go on.
func newNetwork(ctx context.Context, o *Options) (context.Context, Network, error) {
	switch virtual := o.backend() == BackendVirtual; {
	case virtual && o.clients > 0:
		return newVirtualSwitched(ctx, o)
	case virtual:
		return newVirtualNetwork(ctx, o.Seed)
	case o.clients > 0:
		return newKernelSwitched(ctx, o)
	}
	return newKernelNetwork(ctx, o)
}

// backend is what was asked for, or what this process can have.
func (o *Options) backend() string {
	switch {
	case o.Backend != "":
		return o.Backend
	case host.Isolated():
		return BackendKernel
	}
	return BackendVirtual
}
