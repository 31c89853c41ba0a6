package labs

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/udpq"
)

// groupAddress is the multicast group of a lab, for use on one link alone (RFC
// 2365; RFC 4291, section 2.7). Its port is the servers', by which packets of
// a lab are known.
func (o *Options) groupAddress() netip.AddrPort {
	if o.IPv6 {
		return netip.MustParseAddrPort("[ff12::77]:9700")
	}
	return netip.MustParseAddrPort("239.255.0.1:9700")
}

// transport is a server that sends events to a group, and clients that have
// joined it.
func (a *audience) transport(o *Options) *transport {
	group := o.groupAddress()
	t := &transport{name: "udp", reliability: string(udpq.ReliabilityNone), protocol: dissect.UDP}
	t.serve = func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		out, err := h.OpenGroup(group)
		if err != nil {
			return nil, err
		}
		if at, ok := out.LocalAddr().(*net.UDPAddr); ok {
			a.sender = uint16(at.Port)
		}
		sending := make(chan error, 1) // the one answer of the sender
		s.beside = func(ctx context.Context, server *udpq.Server) (wait func() error, err error) {
			m, err := server.Multicast(out, udpq.Group{Addr: group}, []string{topic})
			if err != nil {
				return nil, errors.Join(err, out.Close())
			}
			go func() { sending <- m.Serve(ctx) }()
			return func() error { return <-sending }, nil
		}
		return serveUDP(ctx, h, s)
	}
	t.dial = func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		if d.origin == emitterID {
			return dialUDP(ctx, h, d, udpq.ReliabilityNone)
		}
		c, err := h.JoinGroup(group)
		if err != nil {
			return nil, err
		}
		g := &groupMember{conn: c, onEvent: d.onEvent}
		g.reading.Go(g.read)
		return g, nil
	}
	return t
}

// groupMember is a client that gets what is sent to a group, and says nothing.
type groupMember struct {
	conn    net.PacketConn
	onEvent func(*framing.Frame)
	reading sync.WaitGroup
}

func (g *groupMember) read() {
	b := make([]byte, udpq.MaxDatagram)
	for {
		n, _, err := g.conn.ReadFrom(b)
		if err != nil {
			return
		}
		for f, err := range framing.Unpack(b[:n]) {
			if err == nil && f.Kind == framing.KindEvent {
				g.onEvent(&f)
			}
		}
	}
}

// Subscribe has nobody to tell: it has joined.
func (g *groupMember) Subscribe(context.Context, string) (framing.Receipt, error) {
	return framing.Receipt{}, nil
}

// EmitAt is for those who have a session.
func (g *groupMember) EmitAt(time.Time, string, []byte) (uint64, error) {
	return 0, errors.ErrUnsupported
}

// LocalAddr is nobody's in particular.
func (g *groupMember) LocalAddr() net.Addr { return nil }

// Close leaves the group.
func (g *groupMember) Close() error {
	err := g.conn.Close()
	g.reading.Wait()
	return err
}
