package command

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
	"rawlab/tcpq"
	"rawlab/udpq"
)

const defaultAddress = "127.0.0.1:9700"

// endpoint is a server's URL, taken apart.
type endpoint struct {
	transport string // "tcp" or "udp"
	secure    bool   // TLS over TCP, DTLS over UDP
	address   string // host:port
}

func (e endpoint) String() string {
	return e.scheme() + "://" + e.address
}

func (e endpoint) scheme() string {
	switch {
	case e.secure && e.transport == "udp":
		return "udps"
	case e.secure:
		return "tls"
	}
	return e.transport
}

// parseEndpoint reads tcp://host:port, and the same with tls, udp or udps.
// Its errors are usage errors.
func parseEndpoint(s string) (endpoint, error) {
	if !strings.Contains(s, "://") {
		return endpoint{}, usagef("%q is no URL; say tcp://%[1]s or udp://%[1]s", s)
	}
	if strings.HasPrefix(s, groupScheme) {
		return endpoint{}, usagef("%s: to a multicast group one can only 'rawlab listen'; all else is asked of the server that sends to it", s)
	}
	u, err := url.Parse(s)
	if err != nil {
		return endpoint{}, usagef("%q is no URL: want tcp://host:port, or the same with tls, udp or udps", s)
	}
	switch u.Scheme {
	case "tcp", "tls", "udp", "udps":
	case "ws", "wss":
		return endpoint{}, usagef("%s: this build speaks tcp://, tls://, udp:// and udps://, not %s://", s, u.Scheme)
	default:
		return endpoint{}, usagef("%s: unknown transport %q: want tcp://, tls://, udp:// or udps://", s, u.Scheme)
	}
	switch {
	case u.Hostname() == "":
		return endpoint{}, usagef("%s: no host: want %s://host:port", s, u.Scheme)
	case u.Port() == "":
		return endpoint{}, usagef("%s: no port: a rawlab server listens on 9700 unless told otherwise, %s://%s:9700", s, u.Scheme, u.Host)
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return endpoint{}, usagef("%s: nothing may follow %s://%s; the topic is an argument of its own", s, u.Scheme, u.Host)
	}
	switch u.Scheme {
	case "tls":
		return endpoint{"tcp", true, u.Host}, nil
	case "udps":
		return endpoint{"udp", true, u.Host}, nil
	}
	return endpoint{u.Scheme, false, u.Host}, nil
}

// checkTopic makes a topic that nothing can be emitted to a usage error.
func checkTopic(topic string) error {
	if topic == "" || len(topic) > framing.MaxTopic {
		return usagef("topic of %d bytes: want 1 to %d", len(topic), framing.MaxTopic)
	}
	if topic == queue.Broadcast {
		return usagef("%s is every client that is connected: use --broadcast", topic)
	}
	if err := queue.CheckTopic(topic); err != nil {
		return usagef("topic %w", err)
	}
	return nil
}

// checkCount makes a count that cannot be reached a usage error; 0 is none.
func checkCount(count int) error {
	if count < 0 {
		return usagef("--count %d: want 1 or more", count)
	}
	return nil
}

// checkPattern is checkTopic for what one can listen to.
func checkPattern(topic string) error {
	if topic == "" || !queue.IsPattern(topic) {
		return checkTopic(topic)
	}
	if err := queue.CheckSubscription(topic); err != nil {
		return usagef("pattern %w", err)
	}
	return nil
}

// client is what the verbs need of tcpq's and udpq's clients.
type client interface {
	Origin() uint64
	Emit(topic string, payload []byte) (sequence uint64, err error)
	Flush(ctx context.Context) error
	SubscribeFrom(ctx context.Context, topic string, wish framing.Subscribe) (framing.Receipt, error)
	Next(ctx context.Context) (edge.Event, error)
	Request(ctx context.Context, topic string, payload []byte) (edge.Event, error)
	Reply(request *edge.Event, payload []byte) error
	Close() error
}

// keepAlive is how soon a listener notices that a UDP server has vanished, about.
const keepAlive = 2 * time.Second

// dial connects to a server, under a name if it is not empty.
func (e endpoint) dial(ctx context.Context, name string, f *clientFlags) (client, error) {
	return e.dialWith(ctx, &tcpq.ClientConfig{Name: name}, f)
}

// dialWith is dial with what else a client may want.
func (e endpoint) dialWith(ctx context.Context, config *tcpq.ClientConfig, f *clientFlags) (c client, err error) {
	if len(config.Name) > framing.MaxName {
		return nil, usagef("name of %d bytes: at most %d", len(config.Name), framing.MaxName)
	}
	if config.Token, err = f.token(); err != nil {
		return nil, err
	}
	if config.TLS, err = f.tls(e); err != nil {
		return nil, err
	}
	if err := f.checkPSK(e); err != nil {
		return nil, err
	}
	if e.transport == "udp" {
		udp, err := f.overUDP(e, config)
		if err != nil {
			return nil, err
		}
		return f.dialUDP(ctx, e.address, udp)
	}
	if f.unordered || f.repairsUDP() {
		return nil, usagef("%s: TCP sends again by itself, and in order; --reliability and --unordered are for udp:// and udps://", e)
	}
	if f.fragments != string(udpq.FragmentsOwn) {
		return nil, usagef("%s: TCP cuts its stream by itself; --fragments is for udp://", e)
	}
	if f.pace != (paceFlags{}) || f.congestion != "" || f.pack != 0 {
		return nil, usagef("%s: TCP paces and packs by itself; --udp-rate, --udp-burst, --udp-pack and --congestion are for udp:// and udps://", e)
	}
	return f.dial(ctx, e.address, config)
}

// orNil keeps a nil pointer from becoming a client that is not nil.
func orNil[C client](c C, err error) (client, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// isLoopback reports whether an address to listen on can be reached from
// this machine only.
func isLoopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, usagef("%q is no address to listen on: want host:port", address)
	}
	if host == "" {
		return false, nil // every address of the machine
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return false, fmt.Errorf("listening on %s: %w", address, err)
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return false, nil
		}
	}
	return true, nil
}

// formatOrigin writes an origin, or an epoch, for JSON: as a string, since it
// is too large for a number in JavaScript.
func formatOrigin(origin uint64) string { return strconv.FormatUint(origin, 10) }
