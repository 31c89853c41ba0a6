package labs

import (
	"context"
	"encoding/binary"
	"errors"

	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// overUDP is UDP on a rung of the ladder of reliability.
func overUDP(r udpq.Reliability) *transport {
	return &transport{
		name: "udp", reliability: string(r), protocol: dissect.UDP,
		rung: r != udpq.ReliabilityNone, complete: r == udpq.ReliabilityAck,
		serve: serveUDP, dial: func(ctx context.Context, h Host, d *dialOptions) (client, error) { return dialUDP(ctx, h, d, r) },
	}
}

// udp is UDP as the options want it.
func (o *Options) udp() *transport {
	if o.Reliability == "" {
		return overUDP(udpq.ReliabilityNone)
	}
	return overUDP(o.Reliability)
}

func serveUDP(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
	q, err := s.queue()
	if err != nil {
		return nil, err
	}
	c, err := h.ListenPacket(ctx, "udp", s.address)
	if err != nil {
		return nil, err
	}
	policy := queue.DropOldest
	if s.complete {
		policy = queue.Block // a slow subscriber slows the emitter, as over TCP
	}
	config := udpq.Config{
		Clock: s.clock, Queue: q, Policy: policy, Trace: s.trace, ReceiveBuffer: -1, // the lab sets it
		Fragments: s.fragments, Congestion: s.congestion, Datagram: framing.DefaultDatagram,
		Secret:      binary.BigEndian.AppendUint64(nil, s.epoch), // nobody here pretends to be another, and runs repeat
		IdleTimeout: -1,                                          // nothing but events is on the wire, which may be as bad as it likes
	}
	if s.tuneUDP != nil {
		s.tuneUDP(&config)
	}
	server := udpq.NewServer(&config)
	door := c
	if s.wrap != nil {
		if door, err = s.wrap(c); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	running := start(ctx, c, func(ctx context.Context) error {
		if s.beside == nil {
			return server.Serve(ctx, door)
		}
		wait, err := s.beside(ctx, server)
		if err != nil {
			return err
		}
		return errors.Join(server.Serve(ctx, door), wait())
	})
	running.stats = server.Stats
	return running, nil
}

func dialUDP(ctx context.Context, h Host, d *dialOptions, r udpq.Reliability) (client, error) {
	config := udpq.ClientConfig{
		Clock: d.clock, Name: d.name, Origin: d.origin, OnEvent: d.onEvent, Dial: d.open(h), Reliability: r,
		Fragments: d.fragments, Congestion: d.congestion, Datagram: framing.DefaultDatagram,
		KeepAlive:     -1, // nothing but events is on the wire while it is watched
		ReceiveBuffer: -1, // the lab has set it
	}
	if d.tls != nil {
		config.Dial, config.Datagram = d.seal(dtls.ClientConfig{TLS: d.tls, Open: d.open(h), HandshakeTimeout: patience}), dtls.Budget
	}
	if d.tune != nil {
		d.tune(&config)
	}
	c, err := udpq.Dial(ctx, d.address, &config)
	if err != nil {
		return nil, err // and not a client that is nil
	}
	return c, nil
}
