package host

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/labs/wire"
)

// VirtualStart is when every run on virtual time begins.
var VirtualStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// VirtualConfig says how a virtual lab is made.
type VirtualConfig struct {
	Seed uint64
	// Tap is told of every frame that leaves or reaches a host, 0 for the
	// client, 1 for the server; the frame is valid during the call.
	Tap func(side int, now time.Time, outgoing bool, frame []byte)
	// Fail is told, at most once, why the run cannot go on: a [*StallError]
	// or an [*OutsideError]. From then on every use of a socket fails.
	Fail func(error)
}

// Virtual is a lab of two virtual hosts, client and server, with a wire
// between them, on virtual time. Direction 0 of the wire leads from the
// client to the server. It has the process to itself: the next one waits
// until it is closed, and no other goroutine may be busy meanwhile.
type Virtual struct {
	Client, Server *VirtualHost
	time           *vtime
	wire           *wire.Virtual
}

// VirtualHost is one machine of a virtual lab: a network stack with one
// interface. Its sockets are used as those of package net are; their
// deadlines are in the lab's time.
type VirtualHost struct {
	Name       string
	IPv4, IPv6 netip.Addr
	number     uint8
	time       *vtime
	stack      *stack.Stack
	cable      *cable
	hardware   tcpip.LinkAddress
}

// NewVirtual makes the hosts and the wire, which passes everything until it
// is told otherwise, and begins to drive their time.
func NewVirtual(c *VirtualConfig) (*Virtual, error) {
	now := clock.NewVirtual(VirtualStart)
	v := &Virtual{
		Client: &VirtualHost{Name: "client", number: 1},
		Server: &VirtualHost{Name: "server", number: 2},
	}
	hosts := [2]*VirtualHost{v.Client, v.Server}
	for _, h := range hosts {
		if err := h.create(now, c.Seed); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	for i, h := range hosts {
		if err := h.neighbour(hosts[1-i]); err != nil {
			return nil, fmt.Errorf("host %s: neighbour: %w", h.Name, err)
		}
	}
	v.join(c, now, hosts)
	v.time = startVirtualTime(now, c.Fail)
	for _, h := range hosts {
		h.time = v.time
	}
	return v, nil
}

func (h *VirtualHost) create(now *clock.Virtual, seed uint64) error {
	h.IPv4, h.IPv6 = addresses(h.number)
	var err error
	if h.stack, err = newStack(now, seed, h.number); err != nil {
		return err
	}
	return h.attach()
}

// join lays the wire between two hosts, with a tap at each.
func (v *Virtual) join(c *VirtualConfig, now *clock.Virtual, hosts [2]*VirtualHost) {
	w := &wire.VirtualConfig{
		Seed: c.Seed, Identify: framing.Identify, Now: now.Now,
		After: func(d time.Duration, f func()) { now.Call(d, f) },
	}
	for i, h := range hosts {
		w.Deliver[1-i] = func(frame []byte) {
			c.Tap(i, now.Now(), false, frame)
			h.cable.deliver(frame)
		}
		h.cable.out = func(frame []byte) {
			c.Tap(i, now.Now(), true, frame)
			v.wire.Send(i, frame)
		}
	}
	v.wire = wire.NewVirtual(w)
}

// Clock returns the lab's time.
func (v *Virtual) Clock() clock.Clock { return v.time.clock }

// Set changes the wire, as [wire.Wire.Set] does.
func (v *Virtual) Set(seed uint64, impairments [2]wire.Impairment) error {
	var err error
	return errors.Join(v.time.do(func() { err = v.wire.Set(seed, impairments) }), err)
}

// Stats returns the wire's counters, by direction.
func (v *Virtual) Stats() ([2]wire.Stats, error) {
	var s [2]wire.Stats
	err := v.time.do(func() { s = v.wire.Stats() })
	return s, err
}

// Stop ends the wire and returns its ledger by direction, with the last counters.
func (v *Virtual) Stop() ([2][]wire.Row, [2]wire.Stats, error) {
	var rows [2][]wire.Row
	var s [2]wire.Stats
	err := v.time.do(func() { s, rows = v.wire.Stats(), v.wire.Stop() })
	return rows, s, err
}

// Memory looks into a socket of either host.
func (v *Virtual) Memory(conn any) (Memory, error) {
	s, ok := conn.(interface{ memory() (Memory, error) })
	if !ok {
		return Memory{}, fmt.Errorf("%T is no socket of a virtual host", conn)
	}
	return s.memory()
}

// SetReceiveBuffer sets how many bytes may wait to be read in a socket of either host.
func (v *Virtual) SetReceiveBuffer(conn any, bytes int) error {
	s, ok := conn.(interface{ setReceiveBuffer(int) error })
	if !ok {
		return fmt.Errorf("%T is no socket of a virtual host", conn)
	}
	return s.setReceiveBuffer(bytes)
}

// Close ends the hosts and their time. Whatever still waits on a socket
// fails; who waits for time to pass waits for ever.
func (v *Virtual) Close() error {
	err := v.time.do(func() {
		for _, h := range []*VirtualHost{v.Client, v.Server} {
			h.stack.Close()
		}
	})
	v.time.end()
	for _, h := range []*VirtualHost{v.Client, v.Server} {
		h.stack.Wait()
	}
	if errors.Is(err, ErrVirtualEnded) {
		return nil // it was closed before
	}
	return err
}

// CongestionControl names the host's TCP congestion control.
func (h *VirtualHost) CongestionControl() (string, error) { return virtualCongestion, nil }

// Counters reads what the stack counts, under the names that Linux has for it.
func (h *VirtualHost) Counters() (Counters, error) {
	var c Counters
	err := h.time.do(func() {
		s := h.stack.Stats()
		c = Counters{
			"Ip.InReceives":    int64(s.IP.PacketsReceived.Value()),
			"Ip.OutRequests":   int64(s.IP.PacketsSent.Value()),
			"Udp.InDatagrams":  int64(s.UDP.PacketsReceived.Value()) - int64(s.UDP.ReceiveBufferErrors.Value()),
			"Udp.OutDatagrams": int64(s.UDP.PacketsSent.Value()),
			"Udp.NoPorts":      int64(s.UDP.UnknownPortErrors.Value()),
			"Udp.RcvbufErrors": int64(s.UDP.ReceiveBufferErrors.Value()),
			"Udp.SndbufErrors": int64(s.UDP.PacketSendErrors.Value()),
			"Udp.InCsumErrors": int64(s.UDP.ChecksumErrors.Value()),
			"Udp.InErrors": int64(s.UDP.ReceiveBufferErrors.Value() + s.UDP.ChecksumErrors.Value() +
				s.UDP.MalformedPacketsReceived.Value()),
			"Tcp.ActiveOpens":     int64(s.TCP.ActiveConnectionOpenings.Value()),
			"Tcp.PassiveOpens":    int64(s.TCP.PassiveConnectionOpenings.Value()),
			"Tcp.EstabResets":     int64(s.TCP.EstablishedResets.Value()),
			"Tcp.InSegs":          int64(s.TCP.ValidSegmentsReceived.Value()),
			"Tcp.OutSegs":         int64(s.TCP.SegmentsSent.Value()),
			"Tcp.RetransSegs":     int64(s.TCP.Retransmits.Value()) + h.cable.repeats.count,
			"Tcp.InCsumErrors":    int64(s.TCP.ChecksumErrors.Value()),
			"Icmp.InDestUnreachs": int64(s.ICMP.V4.PacketsReceived.DstUnreachable.Value()),
		}
	})
	return c, err
}
