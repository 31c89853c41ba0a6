package bench

import (
	"context"
	"fmt"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
)

const loopback = "127.0.0.1:0"

// newServer opens a transport's server on loopback. Both are told to make
// whoever publishes wait at a full outbox: nothing is dropped there, and what
// a slow subscriber causes is seen where it happens, in TCP's windows or in
// UDP's receive buffers.
func newServer(transport string) (*server, error) {
	switch transport {
	case "tcp":
		l, err := tcpq.Listen(loopback)
		if err != nil {
			return nil, err
		}
		s := tcpq.NewServer(&tcpq.Config{Policy: queue.Block})
		return &server{
			addr:  l.Addr().String(),
			serve: func(ctx context.Context) error { return s.Serve(ctx, l) },
			stats: func() report { st := s.Stats(); return newReport(st.Received, st.Forwarded, st.Dropped) },
		}, nil
	case "udp":
		c, err := udpq.Listen(loopback)
		if err != nil {
			return nil, err
		}
		s := udpq.NewServer(&udpq.Config{Policy: queue.Block, Fragments: udpq.FragmentsIP})
		return &server{
			addr:  c.LocalAddr().String(),
			serve: func(ctx context.Context) error { return s.Serve(ctx, c) },
			stats: func() report { st := s.Stats(); return newReport(st.Received, st.Forwarded, st.Dropped) },
		}, nil
	}
	return nil, fmt.Errorf("no transport is called %q", transport)
}

func newReport(received, forwarded uint64, dropped map[queue.Fate]uint64) report {
	r := report{Received: received, Forwarded: forwarded, Dropped: make(map[string]uint64, len(dropped))}
	for fate, n := range dropped {
		r.Dropped[string(fate)] = n
	}
	return r
}

// dial connects a client; onEvent gets what it subscribes to.
func (s *session) dial(ctx context.Context, onEvent func(*framing.Frame)) (client, error) {
	if s.transport == "tcp" {
		return tcpq.Dial(ctx, s.server.addr, &tcpq.ClientConfig{OnEvent: onEvent})
	}
	return udpq.Dial(ctx, s.server.addr, &udpq.ClientConfig{OnEvent: onEvent, Reliability: s.config.Reliability, Congestion: s.config.Congestion, Fragments: udpq.FragmentsIP})
}
