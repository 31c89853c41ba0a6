package udpq_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/internal/clock"
	"rawlab/udpq"
	"rawlab/udpq/pmtu"
)

// quick is a clock on which ten times as much happens.
type quick struct{}

const quicker = 10

var quickStart = time.Now()

func (quick) Now() time.Time { return quickStart.Add(quicker * time.Since(quickStart)) }

func (quick) AfterFunc(d time.Duration, f func()) clock.Timer {
	return quickTimer{clock.Real.AfterFunc(d/quicker, f)}
}

func (quick) NewTimer(d time.Duration) clock.Timer {
	return quickTimer{clock.Real.NewTimer(d / quicker)}
}

type quickTimer struct{ clock.Timer }

func (t quickTimer) Reset(d time.Duration) bool { return t.Timer.Reset(d / quicker) }

// relay is a path between kernel sockets on which larger datagrams than so
// many bytes vanish, and nobody says so.
type relay struct {
	mtu     atomic.Int64
	clients net.PacketConn
	server  net.Conn
	from    atomic.Pointer[net.Addr]
	running sync.WaitGroup
}

func newRelay(t *testing.T, server string, mtu int64) *relay {
	t.Helper()
	clients, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	onward, err := net.Dial("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{clients: clients, server: onward}
	r.mtu.Store(mtu)
	r.running.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := clients.ReadFrom(b)
			if err != nil {
				return
			}
			r.from.Store(&from)
			if int64(n) <= r.mtu.Load() {
				onward.Write(b[:n])
			}
		}
	})
	r.running.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, err := onward.Read(b)
			if err != nil {
				return
			}
			if int64(n) <= r.mtu.Load() {
				clients.WriteTo(b[:n], *r.from.Load())
			}
		}
	})
	t.Cleanup(func() {
		clients.Close()
		onward.Close()
		r.running.Wait()
	})
	return r
}

// What was on the way when a path came to take less arrives all the same, in
// both directions, and in order.
func TestPathShrinksUnderway(t *testing.T) {
	s := serve(t, &udpq.Config{Clock: quick{}})
	r := newRelay(t, s.addr, 1472)
	c, err := udpq.Dial(t.Context(), r.clients.LocalAddr().String(), &udpq.ClientConfig{Clock: quick{}, KeepAlive: -1, Reliability: udpq.ReliabilityAck})
	if err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, "news")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next := func(size int) {
		t.Helper()
		e, err := c.Next(ctx)
		if err != nil || !bytes.Equal(e.Payload, filled(size)) {
			t.Fatalf("Next() = %d bytes, %v; want %d; %+v", len(e.Payload), err, size, c.Stats())
		}
	}
	for c.Stats().Datagram != 1472 {
		if _, err := c.Emit("news", filled(4000)); err != nil {
			t.Fatal(err)
		}
		next(4000)
	}
	const events = 20
	for round := range 2 {
		for n := range events {
			if n == events/2 {
				r.mtu.Store(int64(1300 - 60*round))
			}
			if _, err := c.Emit("news", filled(3000+n)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range events {
			next(3000 + n)
		}
	}
	if st := c.Stats(); st.BlackHoles == 0 || st.Datagram > 1300 {
		t.Errorf("Stats() = %+v, want that the path was seen to shrink", st)
	}
	c.Close()
}

// Both ends find out what a path takes, by probes, and notice without being
// told when it takes less; events in pieces come whole then as before.
func TestPathIsFound(t *testing.T) {
	mtu := 1372
	if testing.Short() {
		mtu = 1472 // found sooner
	}
	s := serve(t, &udpq.Config{Clock: quick{}})
	r := newRelay(t, s.addr, int64(mtu))
	c, err := udpq.Dial(t.Context(), r.clients.LocalAddr().String(), &udpq.ClientConfig{Clock: quick{}, KeepAlive: -1})
	if err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, "news")
	if size := c.Stats().Datagram; size != pmtu.Base {
		t.Errorf("Datagram = %d before anything large was sent, want the base", size)
	}
	// until emits events, some of which may be lost, until the client knows.
	until := func(size int, holes uint64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for st := c.Stats(); st.Datagram != size || st.BlackHoles < holes; st = c.Stats() {
			if ctx.Err() != nil {
				t.Fatalf("Stats() = %+v, want datagrams of %d bytes", st, size)
			}
			if _, err := c.Emit("news", filled(4000)); err != nil {
				t.Fatal(err)
			}
			one, stop := context.WithTimeout(ctx, 10*time.Millisecond)
			if e, err := c.Next(one); err == nil && !bytes.Equal(e.Payload, filled(4000)) {
				t.Fatal("an event came wrong")
			}
			stop()
		}
	}
	until(mtu, 0)
	if !testing.Short() {
		r.mtu.Store(1252)
		until(1252, 1)
	}
	r.mtu.Store(1 << 16)
	if _, err := c.Emit("news", []byte("last")); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(e.Payload) == "last" {
			break
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// On loopback the largest datagram there is holds at once, and PackAuto fills
// what holds.
func TestPathOfLoopback(t *testing.T) {
	s := serve(t, &udpq.Config{PackBudget: udpq.PackAuto})
	c := dial(t, s, &udpq.ClientConfig{PackBudget: udpq.PackAuto})
	subscribe(t, c, "news")
	for c.Stats().Datagram != udpq.MaxDatagram {
		if _, err := c.Emit("news", filled(4000)); err != nil {
			t.Fatal(err)
		}
		if e, err := c.Next(t.Context()); err != nil || !bytes.Equal(e.Payload, filled(4000)) {
			t.Fatalf("Next() = %d bytes, %v", len(e.Payload), err)
		}
	}
	before := s.Stats().Datagrams
	for range 100 {
		if _, err := c.Emit("news", filled(500)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Stats().Datagrams - before; n > 50 {
		t.Errorf("100 events of 500 bytes took %d datagrams to the server", n)
	}
}

// An address of IPv6 is probed too.
func TestPathOfIPv6(t *testing.T) {
	conn, err := udpq.Listen("[::1]:0")
	if err != nil {
		udpq.Lacking(t, "IPv6")
	}
	server := udpq.NewServer(nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	c, err := udpq.Dial(t.Context(), conn.LocalAddr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, "news")
	for c.Stats().Datagram <= 1472 {
		if _, err := c.Emit("news", filled(4000)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
