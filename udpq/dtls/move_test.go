package dtls_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// nat is a box between clients' side and a server, which may forget a client's
// port and give it another.
type nat struct {
	net.PacketConn
	server  string
	running sync.WaitGroup

	mu      sync.Mutex
	client  net.Addr
	outside net.Conn
}

func newNAT(t *testing.T, server string) *nat {
	t.Helper()
	inside, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nat{PacketConn: inside, server: server}
	n.rebind(t)
	n.running.Go(func() {
		b := make([]byte, 1<<16)
		for {
			size, from, err := inside.ReadFrom(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.client = from
			n.outside.Write(b[:size])
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		inside.Close()
		n.outside.Close()
		n.running.Wait()
	})
	return n
}

// rebind gives the client another port. What comes to the old one is lost.
func (n *nat) rebind(t *testing.T) {
	t.Helper()
	outside, err := net.Dial("udp", n.server)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.outside != nil {
		n.outside.Close()
	}
	n.outside = outside
	n.running.Go(func() {
		b := make([]byte, 1<<16)
		for {
			size, err := outside.Read(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.PacketConn.WriteTo(b[:size], n.client)
			n.mu.Unlock()
		}
	})
}

// A client whose address changes goes on without another handshake, both as
// emitter and as listener, and nothing is lost.
func TestMovedClientGoesOn(t *testing.T) {
	d := open(t, dtls.Config{}, udpq.Config{})
	connect := func() (*nat, *udpq.Client) {
		n := newNAT(t, d.addr)
		c, err := udpq.Dial(t.Context(), n.LocalAddr().String(), &udpq.ClientConfig{
			Dial: d.pinned(t).Dial, Datagram: dtls.Budget, Reliability: udpq.ReliabilityAck, KeepAlive: 100 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		return n, c
	}
	before, listener := connect()
	behind, emitter := connect()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := listener.Subscribe(ctx, "news"); err != nil {
		t.Fatal(err)
	}
	const rounds, events = 3, 50
	for round := range rounds {
		for range events {
			if _, err := emitter.Emit("news", []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		for n := range events {
			if _, err := listener.Next(ctx); err != nil {
				t.Fatalf("event %d of round %d: %v; %+v", n, round, err, d.socket.Stats())
			}
		}
		before.rebind(t)
		behind.rebind(t)
	}
	if err := emitter.Flush(ctx); err != nil {
		t.Error(err)
	}
	if st, moved := d.socket.Stats(), d.Stats().Moved; st.Established != 2 || st.Associations != 2 || st.Moved < 2*(rounds-1) || moved < 2*(rounds-1) {
		t.Errorf("Stats() = %+v, %d sessions moved, want 2 handshakes and every move followed", st, moved)
	}
	listener.Close()
	emitter.Close()
}
