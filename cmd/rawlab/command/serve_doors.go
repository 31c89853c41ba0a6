package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"rawlab/internal/metrics"
	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// service is a queue and its doors.
type service struct {
	stderr      *screen
	log         *slog.Logger
	credentials credentials
	queue       *queue.Queue
	tcp         *tcpq.Server
	udp         *udpq.Server
	listener    net.Listener
	socket      net.PacketConn
	dtls        *dtls.Socket      // that socket, if it speaks DTLS
	metrics     net.Listener      // nil: not shown
	group       *udpq.GroupSender // nil: no multicast
}

func (s *service) listen(f *serveFlags) (err error) {
	if f.tcp != "" {
		if s.listener, err = tcpq.Listen(f.tcp); err != nil {
			return listenError("--tcp", f.tcp, err)
		}
		scheme := "tcp"
		if s.credentials.certificate != nil {
			scheme = "tls"
		}
		fmt.Fprintf(s.stderr, "rawlab: listening on %s://%s\n", scheme, s.listener.Addr())
	}
	if f.udp != "" {
		if err := s.listenUDP(f); err != nil {
			return err
		}
	}
	if f.metrics != "" {
		if s.metrics, err = net.Listen("tcp", f.metrics); err != nil {
			return listenError("--metrics", f.metrics, err)
		}
		fmt.Fprintf(s.stderr, "rawlab: metrics on http://%s/metrics\n", s.metrics.Addr())
	}
	if s.group, err = f.group.open(s.udp, s.stderr); err != nil {
		return err
	}
	s.credentials.announce(s.stderr)
	return nil
}

func listenError(flag, address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use, perhaps by another 'rawlab serve'; choose another with %s host:port", address, flag)
	}
	return fmt.Errorf("listening: %w", err)
}

func (s *service) close() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.socket != nil {
		s.socket.Close()
	}
	if s.metrics != nil {
		s.metrics.Close()
	}
	if s.group != nil {
		s.group.Close()
	}
	s.queue.Close()
}

// showMetrics answers until everything is drained; healthz is no longer well
// from stopping on.
func (s *service) showMetrics(ctx context.Context, stopping context.Context) {
	if s.metrics == nil {
		return
	}
	sources := metrics.Sources{TCP: s.tcp, UDP: s.udp, DTLS: s.dtls, Queue: s.queue, Group: s.group}
	if s.listener == nil {
		sources.TCP = nil
	}
	if s.socket == nil {
		sources.UDP = nil
	}
	healthy := func() bool { return stopping.Err() == nil }
	if err := metrics.Serve(ctx, s.metrics, metrics.Handler(sources, healthy)); err != nil {
		s.log.Error("metrics are not shown any more", "err", err)
	}
}

// serve serves until ctx is done. When one door fails, the other closes too.
// What runs beside ends when the doors have drained.
func (s *service) serve(ctx context.Context, f *logFlags) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	drained, finish := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	defer beside.Wait()
	defer finish()
	beside.Go(func() { f.tellStatus(drained, s) })
	beside.Go(func() { s.showMetrics(drained, ctx) })
	beside.Go(func() { s.multicast(drained) })
	beside.Go(func() { s.credentials.watch(drained, s.log) })
	done := make(chan error, 2) // one answer from each door
	doors := 0
	door := func(serve func() error) {
		doors++
		go func() {
			defer cancel()
			done <- serve()
		}()
	}
	if s.listener != nil {
		door(func() error { return s.tcp.Serve(ctx, s.listener) })
	}
	if s.socket != nil {
		door(func() error { return s.udp.Serve(ctx, s.socket) })
	}
	var err error
	for range doors {
		err = errors.Join(err, <-done)
	}
	return err
}

// summarize says what the servers did.
func (s *service) summarize() {
	if s.listener != nil {
		st := s.tcp.Stats()
		fmt.Fprintf(s.stderr, "rawlab: tcp: %d connections%s; events: %d received, %d forwarded%s\n",
			st.Accepted, refused(st.Refusals), st.Received, st.Forwarded, losses(st.Dropped))
		if st.Duplicates+st.Redelivered+st.GivenUp > 0 {
			fmt.Fprintf(s.stderr, "rawlab: tcp: %d emitted again, accepted once; %d sent again for want of an acknowledgement; %d given up\n",
				st.Duplicates, st.Redelivered, st.GivenUp)
		}
	}
	if s.socket != nil {
		st := s.udp.Stats()
		fmt.Fprintf(s.stderr, "rawlab: udp: %d sessions; events: %d received, %d forwarded%s\n",
			st.Accepted, st.Received, st.Forwarded, losses(st.Dropped))
		if st.Overflow > 0 {
			fmt.Fprintf(s.stderr, "rawlab: udp: %d datagrams or trains of them met a full receive buffer, as the kernel told with later ones\n", st.Overflow)
		}
	}
	s.summarizeGroup()
	s.summarizeDTLS()
	s.account()
	if expired := s.queue.Dropped()[queue.FateExpired]; expired > 0 {
		fmt.Fprintf(s.stderr, "rawlab: %d stored events expired before a client that was away came for them\n", expired)
	}
}

// account balances what was received over both doors: an event has one fate
// for each subscriber it was for, or one if it was for nobody. Stored events
// that wait in their log for who comes for them have none yet.
func (s *service) account() {
	t, u := s.tcp.Stats(), s.udp.Stats()
	due, forwarded, all := t.Due+u.Due, t.Forwarded+u.Forwarded, make(map[string]uint64)
	unexplained := int64(due - forwarded)
	for _, dropped := range []map[queue.Fate]uint64{t.Dropped, u.Dropped} {
		for fate, n := range dropped {
			all[string(fate)] += n
			unexplained -= int64(n)
		}
	}
	fmt.Fprintf(s.stderr, "rawlab: %d fates = %d forwarded%s; %d unexplained\n", due, forwarded, strings.ReplaceAll(counted(all), ",", " +"), unexplained)
}

func losses(dropped map[queue.Fate]uint64) string { return counted(asStrings(dropped)) }

func refused(byReason map[string]uint64) string {
	if len(byReason) == 0 {
		return ""
	}
	return " (refused" + strings.TrimPrefix(counted(byReason), ",") + ")"
}

// counted says how many of each, in the order of their names.
func counted(of map[string]uint64) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(&b, ", %d %s", of[name], name)
	}
	return b.String()
}
