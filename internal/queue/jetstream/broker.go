package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rawlab/internal/clock"
)

// Times of the conversation with a broker.
const (
	answerTime = 4 * time.Second        // for one answer; then it is asked again
	retryPause = 100 * time.Millisecond // before it is asked again though connected
)

// broker is the connection. It connects again by itself, for good.
type broker struct {
	conn  *nats.Conn
	js    jetstream.JetStream
	url   string // without secrets
	log   *slog.Logger
	clock clock.Clock

	mu       sync.Mutex
	life     context.Context // of this connection: ends when it breaks
	end      context.CancelFunc
	up       chan struct{} // closed while connected
	returned func()        // told of every connection but the first
}

func connect(c *Config) (*broker, error) {
	b := &broker{url: Redact(c.URL), log: c.Logger, clock: c.Clock, up: make(chan struct{})}
	b.connected()
	conn, err := nats.Connect(c.URL, append([]nats.Option{
		nats.Name("rawlab"), nats.Timeout(max(c.Patience, DefaultPatience)),
		nats.MaxReconnects(-1), nats.ReconnectWait(retryPause), nats.ReconnectJitter(retryPause, retryPause),
		nats.ReconnectBufSize(-1), // what cannot be sent is for us to send again, in order
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { b.disconnected(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { b.reconnected() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.log.Warn("broker", "err", err) }),
	}, c.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("no connection: %w", err)
	}
	b.conn = conn
	b.js, err = jetstream.New(conn)
	return b, err
}

// Redact returns URLs of brokers without passwords and tokens.
func Redact(urls string) string {
	var plain []string
	for u := range strings.SplitSeq(urls, ",") {
		parsed, err := url.Parse(strings.TrimSpace(u))
		switch {
		case err != nil:
			plain = append(plain, "(unreadable)")
		case parsed.User != nil:
			parsed.User = url.User("…")
			fallthrough
		default:
			plain = append(plain, strings.Replace(parsed.String(), "%E2%80%A6@", "…@", 1))
		}
	}
	return strings.Join(plain, ",")
}

func (b *broker) connected() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life, b.end = context.WithCancel(context.Background())
	close(b.up)
}

func (b *broker) disconnected(err error) {
	if err != nil {
		b.log.Warn("the broker is away", "err", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.up:
		b.up = make(chan struct{})
	default:
	}
	b.end()
}

func (b *broker) reconnected() {
	b.log.Info("the broker is back", "url", b.conn.ConnectedUrlRedacted())
	b.connected()
	b.mu.Lock()
	returned := b.returned
	b.mu.Unlock()
	if returned != nil {
		returned()
	}
}

// attempt returns a context for one question: it ends with ctx, with the
// connection, and when the answer takes too long.
func (b *broker) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	b.mu.Lock()
	life := b.life
	b.mu.Unlock()
	try, cancel := context.WithTimeout(ctx, answerTime)
	stop := context.AfterFunc(life, cancel)
	return try, func() { stop(); cancel() }
}

// retry asks until there is an answer, or one that more asking will not
// change, or ctx is done.
func (b *broker) retry(ctx context.Context, ask func(context.Context) error) error {
	for {
		try, cancel := b.attempt(ctx)
		err := ask(try)
		cancel()
		if err == nil || final(err) {
			return err
		}
		if !b.pause(ctx) {
			return b.away(err)
		}
	}
}

// pause waits until it makes sense to ask again, and reports whether it does.
func (b *broker) pause(ctx context.Context) bool {
	b.mu.Lock()
	up := b.up
	b.mu.Unlock()
	timer := b.clock.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
	}
	select {
	case <-ctx.Done():
		return false
	case <-up:
		return true
	}
}

// away says that the broker did not answer.
func (b *broker) away(err error) error {
	if b.conn.IsConnected() {
		return fmt.Errorf("%w: %s does not answer (%w)", ErrAway, b.url, err)
	}
	return fmt.Errorf("%w: no connection to %s", ErrAway, b.url)
}

// final reports whether asking again would change nothing: the broker has
// understood, and refuses.
func final(err error) bool {
	if errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrKeyNotFound) {
		return true
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrMaxPayload)
	}
	return api.Code < 500 && api.ErrorCode != codeInFlight && api.ErrorCode != codeBatchIncomplete && api.ErrorCode != codeBatchesInFlight
}

// What brokers answer, see errors.json of nats-server.
const (
	codeInFlight        jetstream.ErrorCode = 10158 // the same message is just being stored
	codeBatchIncomplete jetstream.ErrorCode = 10176
	codeBatchDuplicate  jetstream.ErrorCode = 10201
	codeBatchesInFlight jetstream.ErrorCode = 10210
)

func (b *broker) close() {
	b.conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end()
}
