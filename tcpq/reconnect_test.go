package tcpq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
	"rawlab/tcpq"
)

// cutter opens connections that a test can cut, and lets none through while
// it is down.
type cutter struct {
	*pipes
	mu    sync.Mutex
	conns []net.Conn
	down  bool
	tries int
}

var errDown = errors.New("the network is down")

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.down {
		return nil, errDown
	}
	conn, err := c.pipes.dial(ctx, network, addr)
	c.conns = append(c.conns, conn)
	return conn, err
}

// cut breaks every connection; down is whether new ones fail too.
func (c *cutter) cut(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

func (c *cutter) up() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
}

func reconnecting(t *testing.T, c *cutter, config tcpq.ReconnectConfig) *tcpq.Reconnecting {
	t.Helper()
	config.Dial = c.dial
	r, err := tcpq.DialReconnecting(t.Context(), "server", &config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func plainClient(t *testing.T, p *pipes) *tcpq.Client {
	t.Helper()
	c, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type nexter interface {
	Next(ctx context.Context) (tcpq.Event, error)
}

func expectNext(t *testing.T, c nexter, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		e, err := c.Next(t.Context())
		if err != nil || string(e.Payload) != fmt.Sprint(n) {
			t.Fatalf("Next() = %q, %v, want %d", e.Payload, err, n)
		}
	}
}

// Whatever is emitted arrives once and in order, though the connection breaks
// again and again.
func TestEmitOverBrokenConnections(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, s *tcpq.Server) {
		listener := plainClient(t, p)
		subscribe(t, listener, "news")
		c := &cutter{pipes: p}
		emitter := reconnecting(t, c, tcpq.ReconnectConfig{})
		for n := range 200 {
			if _, err := emitter.Emit("news", fmt.Append(nil, n)); err != nil {
				t.Fatal(err)
			}
			if n%7 == 3 {
				c.cut(n%2 == 0)
				time.Sleep(time.Duration(n) * time.Millisecond)
				c.up()
			}
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectNext(t, listener, 0, 200)
		if err := emitter.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		synctest.Wait()
		if st := s.Stats(); st.Received != 200 {
			t.Errorf("Stats() = %+v, want 200 received, the others known as duplicates", st)
		}
		listener.Close()
	})
}

// What comes to a stored topic during an outage is there afterwards, once, for
// a client with a name and for one without.
func TestListenOverBrokenConnections(t *testing.T) {
	for _, name := range []string{"", "ada"} {
		for _, topic := range []string{"a.news", "a.*"} {
			if name == "" && topic == "a.*" {
				continue // a pattern has a cursor under a name only
			}
			t.Run(name+" "+topic, func(t *testing.T) {
				q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"a.news": queue.PolicyStore}})
				if err != nil {
					t.Fatal(err)
				}
				inBubble(t, &tcpq.Config{Queue: q}, func(t *testing.T, p *pipes, _ *tcpq.Server) {
					c := &cutter{pipes: p}
					var outages []time.Duration
					listener := reconnecting(t, c, tcpq.ReconnectConfig{
						ClientConfig: tcpq.ClientConfig{Name: name},
						Again:        edge.Again{OnReconnect: func(d time.Duration) { outages = append(outages, d) }},
					})
					if _, err := listener.Subscribe(t.Context(), topic); err != nil {
						t.Fatal(err)
					}
					emitter := plainClient(t, p)
					for n := range 10 {
						emit(t, emitter, "a.news", 10*n, 10*n+5)
						expectNext(t, listener, 10*n, 10*n+3) // two are here, and not taken
						c.cut(true)
						emit(t, emitter, "a.news", 10*n+5, 10*n+10)
						c.up()
						expectNext(t, listener, 10*n+3, 10*n+10)
					}
					synctest.Wait()
					if len(outages) != 10 || outages[0] < tcpq.DefaultMinBackoff/2 || outages[0] > tcpq.DefaultMinBackoff {
						t.Errorf("outages of %v, want 10 of the first backoff", outages)
					}
					if err := listener.Close(); err != nil {
						t.Errorf("Close() = %v", err)
					}
					emitter.Close()
				})
			})
		}
	}
}

func TestBackoffGrowsAndEnds(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, _ *tcpq.Server) {
		c := &cutter{pipes: p}
		var waits []time.Duration
		client := reconnecting(t, c, tcpq.ReconnectConfig{
			Again: edge.Again{
				MinBackoff: 100 * time.Millisecond, MaxBackoff: time.Second, GiveUpAfter: 10 * time.Second,
				OnDisconnect: func(_ error, wait time.Duration) { waits = append(waits, wait) },
			},
		})
		if _, err := client.Emit("news", nil); err != nil {
			t.Fatal(err)
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.cut(true)
		if _, err := client.Emit("news", nil); err != nil {
			t.Errorf("Emit() without a connection = %v, want it kept", err)
		}
		start := time.Now()
		_, err := client.Next(t.Context())
		if took := time.Since(start); !errors.Is(err, errDown) || took < 10*time.Second || took > 11*time.Second {
			t.Errorf("Next() = %v after %v, want the network's error after 10 s", err, took)
		}
		limit := 100 * time.Millisecond
		for i, wait := range waits {
			if wait < limit/2 || wait > limit {
				t.Errorf("wait %d is %v, want %v to %v", i, wait, limit/2, limit)
			}
			limit = min(2*limit, time.Second)
		}
		if err := client.Close(); !errors.Is(err, errDown) {
			t.Errorf("Close() = %v, want what was not acknowledged and why", err)
		}
	})
}

// What the server says for good is not asked again.
func TestTakenOverIsOver(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, _ *tcpq.Server) {
		c := &cutter{pipes: p}
		var clients []*tcpq.Reconnecting
		for range 2 {
			r := reconnecting(t, c, tcpq.ReconnectConfig{ClientConfig: tcpq.ClientConfig{Name: "ada"}})
			if _, err := r.Subscribe(t.Context(), "news"); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, r)
		}
		_, err := clients[0].Next(t.Context())
		if closed, ok := errors.AsType[*tcpq.ClosedError](err); !ok || closed.Code != framing.CodeLimit {
			t.Errorf("Next() = %v, want that another has taken over", err)
		}
		if c.tries != 2 {
			t.Errorf("%d connections, want 2: no fight for the name", c.tries)
		}
		for _, r := range clients {
			r.Close()
		}
	})
}

// Emit waits once too much is not acknowledged, and goes on when it is.
func TestUnackedIsBounded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, _ *tcpq.Server) {
		c := &cutter{pipes: p}
		client := reconnecting(t, c, tcpq.ReconnectConfig{Again: edge.Again{UnackedBytes: 300}})
		c.cut(true)
		done := 0
		go func() {
			for range 20 {
				if _, err := client.Emit("news", make([]byte, 60)); err != nil {
					t.Error(err)
				}
				done++
			}
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if done != 3 { // of 96 bytes each
			t.Errorf("%d events taken while nothing can be acknowledged, want 3", done)
		}
		c.up()
		time.Sleep(time.Minute)
		synctest.Wait()
		if done != 20 {
			t.Errorf("%d events taken, want all", done)
		}
		if err := client.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
}

// A request needs the connection it was made on; the next one has its own.
func TestRequestOverReconnecting(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, _ *tcpq.Server) {
		c := &cutter{pipes: p}
		responder := reconnecting(t, c, tcpq.ReconnectConfig{})
		if _, err := responder.Subscribe(t.Context(), "sums"); err != nil {
			t.Fatal(err)
		}
		var answering sync.WaitGroup
		answering.Go(func() {
			for {
				e, err := responder.Next(context.Background())
				if err != nil {
					return
				}
				if err := responder.Reply(&e, e.Payload); err != nil {
					t.Error(err)
				}
			}
		})
		asker := reconnecting(t, c, tcpq.ReconnectConfig{})
		var got []string
		for n := range 5 {
			reply, err := asker.Request(t.Context(), "sums", fmt.Append(nil, n))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(reply.Payload))
			c.cut(false)
			time.Sleep(time.Second)
		}
		if want := []string{"0", "1", "2", "3", "4"}; !cmp.Equal(got, want) {
			t.Errorf("replies %v, want %v", got, want)
		}
		asker.Close()
		responder.Close()
		answering.Wait()
	})
}
