package udpq_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
	"rawlab/internal/queue/edge"
	"rawlab/udpq"
)

// durable is a server whose stored topic lives in a folder, and which can be
// killed and started again at its address.
type durable struct {
	t      *testing.T
	folder string
	addr   string
	conn   net.PacketConn
	store  *disk.Store
	done   chan error
	cancel context.CancelFunc
}

func newDurable(t *testing.T) *durable {
	d := &durable{t: t, folder: filepath.Join(t.TempDir(), "queue"), addr: "127.0.0.1:0"}
	d.start()
	t.Cleanup(d.kill)
	return d
}

func (d *durable) start() {
	d.t.Helper()
	store, err := disk.Open(d.folder, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	q, err := queue.New(&queue.Config{Store: store, Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	if err != nil {
		d.t.Fatal(err)
	}
	for { // the port may be another's for a moment
		if d.conn, err = udpq.Listen(d.addr); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.addr, d.store = d.conn.LocalAddr().String(), store
	s := udpq.NewServer(&udpq.Config{Queue: q})
	ctx, cancel := context.WithCancel(d.t.Context())
	d.cancel, d.done = cancel, make(chan error, 1)
	conn := d.conn
	go func() { d.done <- s.Serve(ctx, conn) }()
}

// kill takes the server its socket: it says no word more, and what it has not
// stored is gone.
func (d *durable) kill() {
	if d.conn == nil {
		return
	}
	d.conn.Close()
	d.conn = nil
	<-d.done
	d.cancel()
	if err := d.store.Close(); err != nil {
		d.t.Error(err)
	}
}

var soon = edge.Again{MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond}

// A server that is killed in mid-stream, and started again, loses no stored
// event and delivers each once, whoever connects again.
func TestReconnectingOutlivesServers(t *testing.T) {
	d := newDurable(t)
	client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, KeepAlive: 50 * time.Millisecond, RetryInterval: 10 * time.Millisecond, Deduplicate: true}
	connect := func(name string) *udpq.Reconnecting {
		c := client
		c.Name = name
		r, err := udpq.DialReconnecting(t.Context(), d.addr, &udpq.ReconnectConfig{ClientConfig: c, Again: soon, CloseTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	listener, emitter := connect("ada"), connect("")
	if _, err := listener.Subscribe(t.Context(), "news"); err != nil {
		t.Fatal(err)
	}
	events, kills := 1500, 6
	if testing.Short() {
		events, kills = 500, 2
	}
	var emitting sync.WaitGroup
	emitting.Go(func() {
		for n := range events {
			payload := append(strconv.AppendInt(nil, int64(n), 10), make([]byte, n%5*700)...)
			if _, err := emitter.Emit("news", payload); err != nil {
				t.Error(err)
				return
			}
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for n := range events {
		if n%(events/kills) == events/kills/2 {
			d.kill()
			d.start()
		}
		e, err := listener.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(e.Payload[:len(e.Payload)-n%5*700]); got != strconv.Itoa(n) {
			t.Fatalf("event %d is %q", n, got)
		}
	}
	emitting.Wait()
	for _, r := range []*udpq.Reconnecting{emitter, listener} {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// On a rung without acknowledgements what is emitted while there is no server
// leaves when there is one, once.
func TestReconnectingWithoutAcks(t *testing.T) {
	d := newDurable(t)
	lost, again := make(chan struct{}, 1000), make(chan struct{}, 1000)
	var once sync.Once
	client := udpq.ClientConfig{KeepAlive: 20 * time.Millisecond, RetryInterval: 10 * time.Millisecond}
	how := soon
	how.OnDisconnect = func(error, time.Duration) { once.Do(func() { close(lost) }) }
	how.OnReconnect = func(time.Duration) { again <- struct{}{} }
	r, err := udpq.DialReconnecting(t.Context(), d.addr, &udpq.ReconnectConfig{ClientConfig: client, Again: how})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Subscribe(t.Context(), "news"); err != nil {
		t.Fatal(err)
	}
	d.kill()
	<-lost
	if _, err := r.Emit("news", []byte("late")); err != nil {
		t.Fatal(err)
	}
	d.start()
	<-again
	if err := r.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if e, err := r.Next(t.Context()); err != nil || string(e.Payload) != "late" {
		t.Errorf("Next() = %q, %v", e.Payload, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestReconnectingNeedsOrder(t *testing.T) {
	_, err := udpq.DialReconnecting(t.Context(), "127.0.0.1:1", &udpq.ReconnectConfig{
		ClientConfig: udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Unordered: true},
	})
	if !errors.Is(err, udpq.ErrUnordered) {
		t.Errorf("DialReconnecting() = %v, want ErrUnordered", err)
	}
}
