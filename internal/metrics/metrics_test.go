package metrics_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"rawlab/internal/metrics"
	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns the URL of metrics about a TCP server, and that server's address.
func serve(t *testing.T, q *queue.Queue, healthy func() bool) (url, tcp string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := tcpq.NewServer(&tcpq.Config{Queue: q})
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2) // of both
	go func() { done <- s.Serve(ctx, l) }()
	sources := metrics.Sources{TCP: s, UDP: udpq.NewServer(&udpq.Config{Queue: q}), Queue: q, Group: new(udpq.GroupSender)}
	go func() { done <- metrics.Serve(ctx, h, metrics.Handler(sources, healthy)) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return "http://" + h.Addr().String(), l.Addr().String()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestMetrics(t *testing.T) {
	policies := map[string]queue.Policy{"kept": queue.PolicyStore}
	for n := range 150 {
		policies[fmt.Sprintf("many.%03d", n)] = queue.PolicyStore
	}
	q, err := queue.New(&queue.Config{Topics: policies})
	if err != nil {
		t.Fatal(err)
	}
	url, addr := serve(t, q, func() bool { return true })
	c, err := tcpq.Dial(t.Context(), addr, &tcpq.ClientConfig{Name: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Subscribe(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	if err := c.Unsubscribe(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"kept", "kept", "nobody"} {
		if _, err := c.Emit(topic, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, text := get(t, url+"/metrics")
	for _, want := range []string{
		`rawlab_connections{transport="tcp"} 1`, `rawlab_connections{transport="udp"} 0`,
		`rawlab_events_received_total{transport="tcp"} 3`, `rawlab_events_dropped_total{fate="offline",transport="tcp"} 1`,
		`rawlab_stored_topics 151`, `rawlab_udp_overflow_total 0`, `rawlab_multicast_events_total 0`, `rawlab_multicast_datagrams_total 0`, `rawlab_log_events 2`, `rawlab_lag_events 2`, `rawlab_topic_lag_events{topic="kept"} 2`, "go_goroutines ",
	} {
		if !strings.Contains(text, want+"\n") && !(strings.HasSuffix(want, " ") && strings.Contains(text, want)) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
	if n := strings.Count(text, "\nrawlab_topic_log_events{"); n != metrics.MaxTopics {
		t.Errorf("%d topics have series of their own, want %d", n, metrics.MaxTopics)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "rawlab_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestHealth(t *testing.T) {
	q, err := queue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var stopping atomic.Bool
	url, _ := serve(t, q, func() bool { return !stopping.Load() })
	if status, body := get(t, url+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz = %d %q, want 200 ok", status, body)
	}
	stopping.Store(true)
	if status, _ := get(t, url+"/healthz"); status != 503 {
		t.Errorf("/healthz while stopping = %d, want 503", status)
	}
	if status, _ := get(t, url+"/"); status != 404 {
		t.Errorf("/ = %d, want 404", status)
	}
}
