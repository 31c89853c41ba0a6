package dtls_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// withholding is a socket that keeps the next datagram to itself when told to.
type withholding struct {
	net.Conn
	mu   sync.Mutex
	on   bool
	kept []byte
}

func (c *withholding) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		c.on, c.kept = false, bytes.Clone(b)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// A record that is authentic, but older than what has come since, moves nobody
// though it comes from elsewhere (RFC 9146 section 6), nor does one that has
// been there already; both cost whoever repeats them nothing but the datagram.
func TestOldRecordMovesNobody(t *testing.T) {
	d := open(t, dtls.Config{}, udpq.Config{})
	how := d.pinned(t)
	var raw *withholding
	how.Open = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		raw = &withholding{Conn: c}
		return raw, err
	}
	c := d.dial(t, how, udpq.ClientConfig{KeepAlive: -1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.Subscribe(ctx, "news"); err != nil {
		t.Fatal(err)
	}
	expect := func(payload string) {
		t.Helper()
		e, err := c.Next(ctx)
		if err != nil || string(e.Payload) != payload {
			t.Fatalf("Next() = %q, %v, want %q; %+v", e.Payload, err, payload, d.socket.Stats())
		}
	}
	emit := func(payload string) {
		t.Helper()
		if _, err := c.Emit("news", []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	raw.mu.Lock()
	raw.on = true
	raw.mu.Unlock()
	emit("withheld")
	emit("newer")
	expect("newer")
	elsewhere, err := net.Dial("udp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	for range 2 { // the first is new to the server, the second is not
		if _, err := elsewhere.Write(raw.kept); err != nil {
			t.Fatal(err)
		}
	}
	expect("withheld")
	emit("last")
	expect("last")
	if st := d.socket.Stats(); st.Moved != 0 || st.Established != 1 || d.Stats().Moved != 0 {
		t.Errorf("Stats() = %+v, %d sessions moved, want nobody moved", st, d.Stats().Moved)
	}
}
