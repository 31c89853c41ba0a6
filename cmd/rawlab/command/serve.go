package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
)

// serveFlags are what a user said to serve.
type serveFlags struct {
	tcp, udp string
	topics   []string
	overflow string
	data     string
	insecure bool
	verbose  bool
}

func newServe() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve topics over TCP and UDP",
		Long: "Serve topics over TCP and UDP, as two doors to one queue: what is emitted over\n" +
			"one is delivered over both. Without --tcp or --udp, both listen on " + defaultAddress + ".\n\n" +
			"An event that nobody listens to is gone, unless its topic is stored: listening\n" +
			"under a name makes it so, or --topic NAME=store. Stored events live in memory,\n" +
			"or in the folder --data, from which a server that starts again goes on.\n\n" +
			"The first SIGINT or SIGTERM drains and sums up, the second ends at once.",
		Example: "  rawlab serve\n  rawlab serve --data ./queue --topic news=store\n  rawlab serve --udp 127.0.0.1:9800 --topic news=store",
		Args:    positional(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.ErrOrStderr()) },
	}
	s := c.Flags()
	s.StringVar(&f.tcp, "tcp", "", "listen for TCP on `host:port`; port 0 is any free one")
	s.StringVar(&f.udp, "udp", "", "listen for UDP on `host:port`; port 0 is any free one")
	s.StringArrayVar(&f.topics, "topic", nil, "policy of a topic, `NAME=ignore|store`; may be repeated")
	s.StringVar(&f.overflow, "overflow", queue.DropOldest.String(), "when a subscriber is too slow: `drop-oldest|disconnect|block`")
	s.StringVar(&f.data, "data", "", "keep stored topics in `folder`; an event is acknowledged once it is safe there")
	s.BoolVar(&f.insecure, "insecure", false, "listen beyond loopback, though anybody there may then emit and listen")
	s.BoolVarP(&f.verbose, "verbose", "v", false, "log what happens to connections")
	return c
}

func (f *serveFlags) run(ctx context.Context, stderr io.Writer) error {
	if f.tcp == "" && f.udp == "" {
		f.tcp, f.udp = defaultAddress, defaultAddress
	}
	s, err := f.prepare(stderr)
	if err != nil {
		return err
	}
	if err := s.listen(f); err != nil {
		s.close()
		return err
	}
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		fmt.Fprintln(stderr, "rawlab: stopping; once more to end at once") // Main takes only the first signal
	})
	err = s.serve(ctx)
	if !stop() {
		<-said
	}
	s.summarize()
	return errors.Join(err, s.queue.Close())
}

// service is a queue and its doors.
type service struct {
	stderr   io.Writer
	queue    *queue.Queue
	tcp      *tcpq.Server
	udp      *udpq.Server
	listener net.Listener
	socket   net.PacketConn
}

// prepare checks the flags and makes the servers.
func (f *serveFlags) prepare(stderr io.Writer) (*service, error) {
	policies, err := parsePolicies(f.topics)
	if err != nil {
		return nil, err
	}
	overflow, err := queue.ParseOverflow(f.overflow)
	if err != nil {
		return nil, usagef("--overflow: %w", err)
	}
	for _, address := range []string{f.tcp, f.udp} {
		if err := f.checkAddress(address); err != nil {
			return nil, err
		}
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	q, err := f.openQueue(stderr, logger, policies)
	if err != nil {
		return nil, err
	}
	return &service{
		stderr: stderr, queue: q,
		tcp: tcpq.NewServer(&tcpq.Config{Queue: q, Policy: overflow, Logger: logger}),
		udp: udpq.NewServer(&udpq.Config{Queue: q, Policy: overflow, Logger: logger}),
	}, nil
}

func parsePolicies(args []string) (map[string]queue.Policy, error) {
	policies := make(map[string]queue.Policy)
	for _, arg := range args {
		name, word, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usagef("--topic %s: want NAME=ignore or NAME=store", arg)
		}
		if err := checkTopic(name); err != nil {
			return nil, usagef("--topic %s: %w", arg, err)
		}
		policy, err := queue.ParsePolicy(word)
		if err != nil {
			return nil, usagef("--topic %s: %w", arg, err)
		}
		policies[name] = policy
	}
	return policies, nil
}

// checkAddress refuses what others could reach without being asked for it.
func (f *serveFlags) checkAddress(address string) error {
	if address == "" || f.insecure {
		return nil
	}
	local, err := isLoopback(address)
	if err == nil && !local {
		err = usagef("%s can be reached from other machines, and anybody there could emit and listen; add --insecure if that is wanted", address)
	}
	return err
}

func (s *service) listen(f *serveFlags) (err error) {
	if f.tcp != "" {
		if s.listener, err = tcpq.Listen(f.tcp); err != nil {
			return listenError("--tcp", f.tcp, err)
		}
		fmt.Fprintf(s.stderr, "rawlab: listening on tcp://%s\n", s.listener.Addr())
	}
	if f.udp != "" {
		if s.socket, err = udpq.Listen(f.udp); err != nil {
			return listenError("--udp", f.udp, err)
		}
		fmt.Fprintf(s.stderr, "rawlab: listening on udp://%s\n", s.socket.LocalAddr())
	}
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
	s.queue.Close()
}

// serve serves until ctx is done. When one door fails, the other closes too.
func (s *service) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
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
		fmt.Fprintf(s.stderr, "rawlab: tcp: %d connections; events: %d received, %d forwarded%s\n",
			st.Accepted, st.Received, st.Forwarded, fates(st.Dropped))
	}
	if s.socket != nil {
		st := s.udp.Stats()
		fmt.Fprintf(s.stderr, "rawlab: udp: %d sessions; events: %d received, %d forwarded%s\n",
			st.Accepted, st.Received, st.Forwarded, fates(st.Dropped))
	}
	if expired := s.queue.Dropped()[queue.FateExpired]; expired > 0 {
		fmt.Fprintf(s.stderr, "rawlab: %d stored events expired before a client that was away came for them\n", expired)
	}
}

func fates(dropped map[queue.Fate]uint64) string {
	var b strings.Builder
	for _, fate := range slices.Sorted(maps.Keys(dropped)) {
		fmt.Fprintf(&b, ", %d %s", dropped[fate], fate)
	}
	return b.String()
}
