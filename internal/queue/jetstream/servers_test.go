package jetstream_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
	"rawlab/internal/queue/jetstream"
	"rawlab/tcpq"
)

// serve starts a server whose stored topics live on the broker, and returns
// its address.
func (b *broker) serve(t *testing.T) string {
	t.Helper()
	return b.serveKeeping(t, queue.Retention{})
}

func (b *broker) serveKeeping(t *testing.T, keep queue.Retention) string {
	t.Helper()
	s, err := jetstream.Open(&jetstream.Config{URL: b.url()})
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(&queue.Config{Store: s, Retention: keep})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tcpq.NewServer(&tcpq.Config{Queue: q}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
		if err := q.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return l.Addr().String()
}

// roamer dials one server after the other, and can be cut off.
type roamer struct {
	servers []string
	turn    atomic.Int64
	mu      sync.Mutex
	conn    net.Conn
}

func (r *roamer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	addr := r.servers[int(r.turn.Add(1))%len(r.servers)]
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn = conn
	return conn, err
}

func (r *roamer) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn.Close()
}

// connect connects as name, again and again, at one server after the other.
func (r *roamer) connect(t *testing.T, name string) *tcpq.Reconnecting {
	t.Helper()
	c, err := tcpq.DialReconnecting(t.Context(), "either", &tcpq.ReconnectConfig{
		ClientConfig: tcpq.ClientConfig{Name: name, Dial: r.dial}, Again: edge.Again{MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// emitAll emits numbered events through both servers, and is cut off often.
func emitAll(t *testing.T, servers []string, turn, events int) {
	r := roamer{servers: servers}
	r.turn.Store(int64(turn))
	c := r.connect(t, "")
	for n := range events {
		if _, err := c.Emit("orders", fmt.Appendf(nil, "%d", n)); err != nil {
			t.Errorf("Emit() = %v", err)
		}
		if n%97 == 96 {
			r.cut()
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Errorf("Flush() = %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// exactlyOnce has a named client move between two servers while publishers do
// so too, and something disturbs them. Every event comes once, in order.
func exactlyOnce(t *testing.T, disturb func(b *broker, received int)) {
	const publishers, each = 3, 600
	b := startBroker(t)
	servers := []string{b.serve(t), b.serve(t)}
	anna := roamer{servers: servers}
	listener := anna.connect(t, "anna")
	if _, err := listener.Subscribe(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range publishers {
		all.Go(func() { emitAll(t, servers, i, each) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next := make(map[uint64]int)
	for n := range publishers * each {
		e, err := listener.Next(ctx)
		if err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
		if want := fmt.Sprint(next[e.Origin]); string(e.Payload) != want || e.Offset != uint64(n+1) {
			t.Fatalf("event %s of origin %d at offset %d, want %s at %d", e.Payload, e.Origin, e.Offset, want, n+1)
		}
		next[e.Origin]++
		if n%211 == 210 {
			anna.cut()
		}
		disturb(b, n)
	}
	all.Wait()
	if err := listener.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	atRest(t, servers, publishers*each)
}

// atRest checks that both servers say the same of the log, and have nothing
// more for anna.
func atRest(t *testing.T, servers []string, events int) {
	for _, addr := range servers {
		c, err := tcpq.Dial(t.Context(), addr, &tcpq.ClientConfig{Name: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.SubscribeFrom(t.Context(), "orders", framing.Subscribe{Epoch: c.Epoch(), Offset: uint64(events) + 1})
		if err != nil || r.From != uint64(events)+1 || r.To != r.From || r.Replayed != 0 {
			t.Errorf("receipt = %+v, %v, want nothing missed behind offset %d", r, err, events)
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
}

func TestServersShareTopicsAndCursors(t *testing.T) {
	exactlyOnce(t, func(*broker, int) {})
}

func TestBrokerRestartsInMidStream(t *testing.T) {
	exactlyOnce(t, func(b *broker, received int) {
		if received == 500 || received == 1100 {
			b.stop()
			b.start()
		}
	})
}

// TestReceiptTellsWhatCameElsewhere has a client leave one server, and learn
// at the other what it has missed.
func TestReceiptTellsWhatCameElsewhere(t *testing.T) {
	b := startBroker(t)
	servers := []string{b.serve(t), b.serve(t)}
	var at uint64 = 1
	for round := range 6 {
		c, err := tcpq.Dial(t.Context(), servers[round%2], &tcpq.ClientConfig{Name: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		wish := framing.Subscribe{Epoch: c.Epoch(), Offset: at}
		if round == 0 {
			wish = framing.Subscribe{}
		}
		r, err := c.SubscribeFrom(t.Context(), "news", wish)
		if err != nil || r.From != at || r.To != at+uint64(3*min(round, 1)) || r.Replayed != r.To-r.From {
			t.Fatalf("round %d: receipt %+v, %v, want from %d", round, r, err, at)
		}
		for range r.Replayed {
			if e, err := c.Next(t.Context()); err != nil || e.Offset != at {
				t.Fatalf("round %d: event at %d, %v, want %d", round, e.Offset, err, at)
			}
			at++
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		emitThree(t, servers[round%2])
	}
}

func emitThree(t *testing.T, addr string) {
	t.Helper()
	c, err := tcpq.Dial(t.Context(), addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Emit("news", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPatternsHoldElsewhere has a named client listen to a pattern at one
// server: what matches is stored at the other, and given to it there.
func TestPatternsHoldElsewhere(t *testing.T) {
	b := startBroker(t)
	servers := []string{b.serve(t), b.serve(t)}
	r := subscribe(t, servers[0], "anna", "*.eu")
	if r.To != r.From {
		t.Fatalf("receipt = %+v, want nothing missed", r)
	}
	subscribe(t, servers[1], "bob", "news") // which is told only once the other knows of anna
	c, err := tcpq.Dial(t.Context(), servers[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Emit("orders.eu", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range servers {
		if r := subscribe(t, addr, "anna", "*.eu"); r.Replayed != 2 || r.Expired.Total() != 0 {
			t.Errorf("receipt at %s = %+v, want 2 replayed", addr, r)
		}
	}
}

// subscribe listens under a name and leaves without taking anything.
func subscribe(t *testing.T, addr, name, topic string) tcpq.Receipt {
	t.Helper()
	c, err := tcpq.Dial(t.Context(), addr, &tcpq.ClientConfig{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestExpiredAtTheOther has events expire at one server that a client learns
// of at the other.
func TestExpiredAtTheOther(t *testing.T) {
	const kept, events = 10, 500
	b := startBroker(t)
	servers := []string{b.serveKeeping(t, queue.Retention{Count: kept}), b.serveKeeping(t, queue.Retention{Count: kept})}
	subscribe(t, servers[0], "anna", "news")
	subscribe(t, servers[1], "bob", "news")
	var all sync.WaitGroup
	for _, addr := range servers {
		all.Go(func() {
			c, err := tcpq.Dial(t.Context(), addr, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for range events / 2 {
				if _, err := c.Emit("news", []byte("x")); err != nil {
					t.Error(err)
				}
				if err := c.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, name := range []string{"bob", "anna"} {
		r := subscribe(t, servers[i], name, "news")
		if r.From != 1 || r.To != events+1 || r.Replayed != kept || r.Expired.Total() != events-kept {
			t.Errorf("receipt of %s = %+v, want %d replayed and %d expired", name, r, kept, events-kept)
		}
	}
}
