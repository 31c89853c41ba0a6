package host

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"rawlab/internal/clock"
	"rawlab/labs/wire"
)

// VirtualStart is when every run on virtual time begins.
var VirtualStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// VirtualConfig says how a virtual lab is made.
type VirtualConfig struct {
	Seed uint64
	// Tap is told of every frame that leaves or reaches a host: 0 for the
	// client, 1 for the server; of a switched lab, by the host's link. The
	// frame is valid during the call.
	Tap func(host int, now time.Time, outgoing bool, frame []byte)
	// Fail is told, at most once, why the run cannot go on: a [*StallError]
	// or an [*OutsideError]. From then on every use of a socket fails.
	Fail func(error)
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

// virtualHosts are the hosts of a virtual lab, and their time.
type virtualHosts struct {
	all  []*VirtualHost
	time *vtime
}

func newVirtualHost(name string, number uint8) *VirtualHost {
	return &VirtualHost{Name: name, number: number}
}

// create makes the hosts, not yet joined, and introduces them to each other.
func (v *virtualHosts) create(c *VirtualConfig) (*clock.Virtual, error) {
	now := clock.NewVirtual(VirtualStart)
	for _, h := range v.all {
		if err := h.create(now, c.Seed); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	for _, h := range v.all {
		for _, other := range v.all {
			if h == other {
				continue
			}
			if err := h.neighbour(other); err != nil {
				return nil, fmt.Errorf("host %s: neighbour: %w", h.Name, err)
			}
		}
	}
	return now, nil
}

// begin lets the hosts' time pass.
func (v *virtualHosts) begin(c *VirtualConfig, now *clock.Virtual) {
	v.time = startVirtualTime(now, c.Fail)
	for _, h := range v.all {
		h.time = v.time
	}
}

// virtualTime is the clock as the wire wants it.
func virtualTime(now *clock.Virtual) wire.VirtualTime {
	return wire.VirtualTime{Now: now.Now, After: func(d time.Duration, f func()) { now.Call(d, f) }}
}

// Clock returns the lab's time.
func (v *virtualHosts) Clock() clock.Clock { return v.time.clock }

// Memory looks into a socket of a host.
func (v *virtualHosts) Memory(conn any) (Memory, error) {
	s, ok := conn.(interface{ memory() (Memory, error) })
	if !ok {
		return Memory{}, fmt.Errorf("%T is no socket of a virtual host", conn)
	}
	return s.memory()
}

// SetReceiveBuffer sets how many bytes may wait to be read in a socket of a host.
func (v *virtualHosts) SetReceiveBuffer(conn any, bytes int) error {
	s, ok := conn.(interface{ setReceiveBuffer(int) error })
	if !ok {
		return fmt.Errorf("%T is no socket of a virtual host", conn)
	}
	return s.setReceiveBuffer(bytes)
}

// Close ends the hosts and their time. Whatever still waits on a socket
// fails; who waits for time to pass waits for ever.
func (v *virtualHosts) Close() error {
	err := v.time.do(func() {
		for _, h := range v.all {
			h.stack.Close()
		}
	})
	v.time.end()
	for _, h := range v.all {
		h.stack.Wait()
	}
	if errors.Is(err, ErrVirtualEnded) {
		return nil // it was closed before
	}
	return err
}

func (h *VirtualHost) create(now *clock.Virtual, seed uint64) error {
	h.IPv4, h.IPv6 = addresses(h.number)
	var err error
	if h.stack, err = newStack(now, seed, h.number); err != nil {
		return err
	}
	return h.attach()
}

// CongestionControl names the host's TCP congestion control.
func (h *VirtualHost) CongestionControl() (string, error) { return VirtualCongestionControl, nil }

// Firewall reports whether the host has one: no virtual host has.
func (h *VirtualHost) Firewall() (bool, error) { return false, nil }

// Counters reads what the stack counts, under the names that Linux has for it.
func (h *VirtualHost) Counters() (Counters, error) {
	var c Counters
	err := h.time.do(func() {
		s := h.stack.Stats()
		c = Counters{
			"Ip.InReceives":    int64(s.IP.PacketsReceived.Value()),
			"Ip.InHdrErrors":   int64(s.IP.MalformedPacketsReceived.Value()),
			"Ip.OutRequests":   int64(s.IP.PacketsSent.Value()),
			"Udp.InDatagrams":  int64(s.UDP.PacketsReceived.Value()) - int64(s.UDP.ReceiveBufferErrors.Value()),
			"Udp.OutDatagrams": int64(s.UDP.PacketsSent.Value()),
			"Udp.NoPorts":      int64(s.UDP.UnknownPortErrors.Value()),
			"Udp.RcvbufErrors": int64(s.UDP.ReceiveBufferErrors.Value()),
			"Udp.SndbufErrors": int64(s.UDP.PacketSendErrors.Value()),
			"Udp.InCsumErrors": int64(s.UDP.ChecksumErrors.Value()),
			"Udp.InErrors": int64(s.UDP.ReceiveBufferErrors.Value() + s.UDP.ChecksumErrors.Value() +
				s.UDP.MalformedPacketsReceived.Value()),
			"Tcp.ActiveOpens":        int64(s.TCP.ActiveConnectionOpenings.Value()),
			"Tcp.PassiveOpens":       int64(s.TCP.PassiveConnectionOpenings.Value()),
			"Tcp.EstabResets":        int64(s.TCP.EstablishedResets.Value()),
			"Tcp.InSegs":             int64(s.TCP.ValidSegmentsReceived.Value()),
			"Tcp.OutSegs":            int64(s.TCP.SegmentsSent.Value()),
			"Tcp.RetransSegs":        int64(s.TCP.Retransmits.Value()) + h.cable.repeats.count,
			"Tcp.InCsumErrors":       int64(s.TCP.ChecksumErrors.Value()),
			"TcpExt.ListenOverflows": int64(s.TCP.ListenOverflowSynDrop.Value() + s.TCP.ListenOverflowAckDrop.Value()),
			"Icmp.InDestUnreachs":    int64(s.ICMP.V4.PacketsReceived.DstUnreachable.Value()),
		}
	})
	return c, err
}
