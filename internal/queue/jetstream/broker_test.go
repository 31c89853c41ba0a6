package jetstream_test

import (
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"rawlab/internal/queue"
	"rawlab/internal/queue/jetstream"
	"rawlab/internal/queue/storetest"
)

var _ queue.Shared = (*jetstream.Store)(nil)

// broker is a nats-server in this process, which can go and return.
type broker struct {
	t    testing.TB
	dir  string
	port int
	s    *server.Server
}

// startBroker starts a broker with an empty folder.
func startBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir(), port: -1}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: b.port, JetStream: true, StoreDir: b.dir, NoSigs: true, NoLog: true})
	if err != nil {
		b.t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		b.t.Fatal("the broker does not start")
	}
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	if b.port, err = strconv.Atoi(port); err != nil {
		b.t.Fatal(err)
	}
	b.s = s
}

func (b *broker) stop() {
	b.s.Shutdown()
	b.s.WaitForShutdown()
}

func (b *broker) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.port) }

// open opens a store of that name.
func (b *broker) open(t *testing.T, name string, patience time.Duration) *jetstream.Store {
	t.Helper()
	s, err := jetstream.Open(&jetstream.Config{URL: b.url(), Name: name, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	b := startBroker(t)
	var n atomic.Int64
	storetest.Run(t, func(t *testing.T) queue.Store { return b.open(t, fmt.Sprint("s", n.Add(1)), 0) })
}
