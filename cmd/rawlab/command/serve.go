package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// serveFlags are what a user said to serve.
type serveFlags struct {
	tcp, udp string
	metrics  string
	topics   []string
	overflow string
	data     string
	shared   sharedFlags
	limits   limitFlags
	group    groupFlags
	access   accessFlags
	logs     logFlags
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
			"or in the folder --data, from which a server that starts again goes on, or on\n" +
			"brokers, --jetstream, where several servers share them.\n\n" +
			"Beyond loopback a server wants TLS (--tls-cert and --tls-key, or --tls-self-signed;\n" +
			"for UDP alone --psk-file too) and --tokens; clients then use tls://host:port or\n" +
			"udps://host:port, which is DTLS, and a token. What a client may take is bounded;\n" +
			"one that goes over a bound is told which.\n\n" +
			"The first SIGINT or SIGTERM drains for up to --drain and sums up, the second ends\n" +
			"at once.",
		Example: "  rawlab serve\n  rawlab serve --data ./queue --topic news=store\n" +
			"  rawlab serve --tcp :9700 --tls-self-signed --tokens tokens.yaml",
		Args: positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.ErrOrStderr()) },
	}
	s := c.Flags()
	s.StringVar(&f.tcp, "tcp", "", "listen for TCP on `host:port`; port 0 is any free one")
	s.StringVar(&f.udp, "udp", "", "listen for UDP on `host:port`; port 0 is any free one")
	s.StringArrayVar(&f.topics, "topic", nil, "policy of a topic, `NAME=ignore|store`; may be repeated")
	s.StringVar(&f.overflow, "overflow", queue.DropOldest.String(), "when a subscriber is too slow: `drop-oldest|disconnect|block`")
	s.StringVar(&f.data, "data", "", "keep stored topics in `folder`; an event is acknowledged once it is safe there")
	s.StringVar(&f.metrics, "metrics", "", "show counters to Prometheus on http://`host:port`/metrics, and /healthz")
	f.shared.register(s)
	f.limits.register(s)
	f.group.register(s)
	f.access.register(s)
	f.logs.register(s)
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
		fmt.Fprintln(s.stderr, "rawlab: stopping; once more to end at once") // Main takes only the first signal
	})
	err = s.serve(ctx, &f.logs)
	if !stop() {
		<-said
	}
	s.summarize()
	return errors.Join(err, s.queue.Close())
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
	s := &service{stderr: newScreen(stderr)}
	if s.log, err = f.logs.logger(s.stderr); err != nil {
		return nil, err
	}
	if err := errors.Join(f.shared.check(f.data), f.limits.check(), f.group.check(f.access.insecure), f.access.check(), f.checkPack(), f.access.checkAddress("tcp", f.tcp), f.access.checkAddress("udp", f.udp), f.access.checkAddress("metrics", f.metrics)); err != nil {
		return nil, err
	}
	if s.queue, err = f.openQueue(s.stderr, s.log, policies); err != nil {
		return nil, err
	}
	if s.credentials, err = f.access.open(f.tlsFolder(), f.tcp, f.udp); err != nil { // after the queue, which wants its folder empty at first
		return nil, errors.Join(err, s.queue.Close())
	}
	if err := s.credentials.objection(clock.Real.Now()); err != nil {
		s.log.Warn(err.Error())
	}
	tcp := &tcpq.Config{Queue: s.queue, Policy: overflow, Logger: s.log, Keyring: s.credentials.keyring}
	udp := &udpq.Config{Queue: s.queue, Policy: overflow, Logger: s.log, Keyring: s.credentials.keyring}
	if s.credentials.certificate != nil {
		tcp.TLS = s.credentials.certificate.ServerConfig()
	}
	f.limits.apply(tcp, udp)
	if f.access.encrypts("udp") {
		udp.Datagram = max(dtls.Budget, udp.PackBudget)
	}
	s.tcp, s.udp = tcpq.NewServer(tcp), udpq.NewServer(udp)
	return s, nil
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
