package command

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"rawlab/internal/queue/jetstream"
)

// sharedFlags say on which brokers stored topics live.
type sharedFlags struct {
	url         string
	name        string
	credentials string
	replicas    int
}

func (f *sharedFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.url, "jetstream", "", "keep stored topics on NATS JetStream at nats://`host:port`, shared with other servers there; several, by commas, are one cluster")
	s.StringVar(&f.name, "jetstream-name", jetstream.DefaultName, "which servers share topics: those of one `name`")
	s.StringVar(&f.credentials, "jetstream-creds", "", "credentials `file` for the broker")
	s.IntVar(&f.replicas, "jetstream-replicas", 1, "brokers of the cluster that keep each topic, if this server is the first to make it")
}

func (f *sharedFlags) check(data string) error {
	switch {
	case f.url == "":
		return nil
	case data != "":
		return usagef("--data and --jetstream: stored topics live in a folder or on a broker, choose one")
	case f.replicas < 1 || f.replicas > 5:
		return usagef("--jetstream-replicas %d: want 1 to 5", f.replicas)
	}
	if err := jetstream.CheckName(f.name); err != nil {
		return usagef("--jetstream-name %s: want 1 to 32 small letters, digits and -", f.name)
	}
	for one := range strings.SplitSeq(f.url, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return usagef("--jetstream %s: want nats://host:port or tls://host:port", jetstream.Redact(one))
		}
	}
	return nil
}

// open opens the store, and says what it holds.
func (f *sharedFlags) open(stderr io.Writer, logger *slog.Logger) (*jetstream.Store, error) {
	c := jetstream.Config{URL: f.url, Name: f.name, Replicas: f.replicas, Logger: logger}
	if f.credentials != "" {
		c.Options = append(c.Options, nats.UserCredentials(f.credentials))
	}
	s, err := jetstream.Open(&c)
	if err != nil {
		return nil, fmt.Errorf("--jetstream: %w", err)
	}
	fmt.Fprintf(stderr, "rawlab: stored topics live on %s as %s, with %s, shared by all servers there: epoch %016x\n",
		s.URL(), f.name, count(len(s.Topics()), "topic"), s.Epoch())
	fmt.Fprintln(stderr, "rawlab: what is not stored (ignored topics, requests, broadcasts) stays with this server's clients")
	return s, nil
}
