package udpq_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
	"rawlab/udpq"
)

// lossy wraps a client's socket: it loses so many per cent of what is sent and
// of what is received.
type lossy struct {
	net.Conn
	mu      *sync.Mutex
	random  *rand.Rand
	percent int
}

func (l lossy) hit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(100) < l.percent
}

func (l lossy) Write(b []byte) (int, error) {
	if l.hit() {
		return len(b), nil
	}
	return l.Conn.Write(b)
}

func (l lossy) Read(b []byte) (int, error) {
	for {
		n, err := l.Conn.Read(b)
		if err != nil || !l.hit() {
			return n, err
		}
	}
}

// lossily is a dialer of such sockets.
func lossily(seed uint64, percent int) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return lossy{conn, new(sync.Mutex), rand.New(rand.NewPCG(seed, 0)), percent}, nil
	}
}

// life is one life of a server with a durable log.
type life struct {
	addr string
	end  func()
}

func live(t *testing.T, dir, addr string) life {
	t.Helper()
	store, err := disk.Open(filepath.Join(dir, "queue"), nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(&queue.Config{Store: store, Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := udpq.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := udpq.NewServer(&udpq.Config{Queue: q})
	go func() { done <- s.Serve(ctx, conn) }()
	return life{conn.LocalAddr().String(), sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})}
}

// Over real sockets that lose a tenth each way, a server with a durable log
// that starts anew and a named client that does lose no stored event.
func TestNackOverRestarts(t *testing.T) {
	dir := t.TempDir()
	server := live(t, dir, "127.0.0.1:0")
	defer func() { server.end() }()
	const rounds, perRound = 4, 500
	config := func(seed uint64, name string) *udpq.ClientConfig {
		return &udpq.ClientConfig{
			Name: name, Reliability: udpq.ReliabilityNack, Dial: lossily(seed, 10), RetryInterval: 20 * time.Millisecond, Tries: 40,
			CloseTimeout: time.Minute,
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	met := make(map[string]int) // each event, how often it came
	var ada *udpq.Client
	come := func(seed uint64) {
		c, err := udpq.Dial(ctx, server.addr, config(seed, "ada"))
		if err == nil {
			_, err = c.Subscribe(ctx, "news")
		}
		if err != nil {
			t.Fatal(err)
		}
		ada = c
	}
	take := func() {
		e, err := ada.Next(ctx)
		if err != nil {
			t.Fatalf("after %d events: %v", len(met), err)
		}
		met[string(e.Payload)]++
	}
	come(1)
	for round := range rounds {
		emitter, err := udpq.Dial(ctx, server.addr, config(uint64(100+round), ""))
		if err != nil {
			t.Fatal(err)
		}
		for n := range perRound {
			if _, err := emitter.Emit("news", []byte(strconv.Itoa(round*perRound+n))); err != nil {
				t.Fatal(err)
			}
		}
		if err := emitter.Close(); err != nil { // it waits until nothing is missing
			t.Fatal(err)
		}
		for range perRound / 3 {
			take()
		}
		if round%2 == 0 { // the server starts anew, in mid-stream
			server.end()
			server = live(t, dir, server.addr)
		}
		ada.Close()
		come(uint64(10 + round))
	}
	for len(met) < rounds*perRound {
		take()
	}
	for n := range rounds * perRound {
		if met[strconv.Itoa(n)] == 0 {
			t.Errorf("event %d never came", n)
		}
	}
	if st := ada.Stats(); st.Receiving.Expired+st.Receiving.GivenUp > 0 {
		t.Errorf("%+v, want nothing lost", st.Receiving)
	}
	ada.Close()
}
