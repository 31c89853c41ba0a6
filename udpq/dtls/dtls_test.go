package dtls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/clock"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// tap is a socket that remembers what went over it.
type tap struct {
	net.PacketConn
	mu   sync.Mutex
	seen bytes.Buffer
}

func (p *tap) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	p.note(b[:max(0, n)])
	return n, from, err
}

func (p *tap) WriteTo(b []byte, to net.Addr) (int, error) {
	p.note(b)
	return p.PacketConn.WriteTo(b, to)
}

func (p *tap) note(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Write(b)
}

func (p *tap) contains(word string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.seen.Bytes(), []byte(word))
}

// door is a udpq server that speaks DTLS.
type door struct {
	*udpq.Server
	socket *dtls.Socket
	tap    *tap
	addr   string
	pin    access.Fingerprint
}

func open(t testing.TB, c dtls.Config, server udpq.Config) *door {
	t.Helper()
	certificate, err := access.SelfSigned(time.Now(), "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if c.PSK == nil {
		c.Certificate = func() (*tls.Certificate, error) { return certificate.ServerConfig().GetCertificate(nil) }
	}
	conn, err := udpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Server: udpq.NewServer(&server), tap: &tap{PacketConn: conn}, addr: conn.LocalAddr().String(), pin: access.FingerprintOf(certificate.Leaf())}
	if d.socket, err = dtls.Listen(d.tap, &c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx, d.socket) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	return d
}

func trusting(t testing.TB, trust access.Trust) *dtls.ClientConfig {
	t.Helper()
	config, err := trust.ClientConfig("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return &dtls.ClientConfig{TLS: config}
}

// pinned is how a client finds the door.
func (d *door) pinned(t testing.TB) *dtls.ClientConfig {
	return trusting(t, access.Trust{Fingerprint: &d.pin})
}

func (d *door) dial(t testing.TB, how *dtls.ClientConfig, c udpq.ClientConfig) *udpq.Client {
	t.Helper()
	c.Dial, c.Datagram = how.Dial, dtls.Budget
	client, err := udpq.Dial(t.Context(), d.addr, &c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// passes sends events of some sizes from one client to another.
func passes(t *testing.T, emitter, listener *udpq.Client, sizes ...int) {
	t.Helper()
	if _, err := listener.Subscribe(t.Context(), "news"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, size := range sizes {
		payload := bytes.Repeat([]byte("a secret payload"), size/16+1)
		if _, err := emitter.Emit("news", payload); err != nil {
			t.Fatal(err)
		}
		if e, err := listener.Next(ctx); err != nil || !bytes.Equal(e.Payload, payload) {
			t.Fatalf("an event of %d bytes came as %d, %v", len(payload), len(e.Payload), err)
		}
	}
}

func TestEventsAreEncrypted(t *testing.T) {
	for _, r := range udpq.Reliabilities() {
		for _, how := range []string{"certificate", "key"} {
			t.Run(r+" by "+how, func(t *testing.T) {
				var config dtls.Config
				key := []byte("sixteen bytes and more")
				if how == "key" {
					config.PSK = func(identity string) ([]byte, bool) { return key, identity == "ada" }
				}
				d := open(t, config, udpq.Config{Datagram: dtls.Budget})
				client := d.pinned(t)
				if how == "key" {
					client = &dtls.ClientConfig{PSK: key, Identity: "ada"}
				}
				c := udpq.ClientConfig{Reliability: udpq.Reliability(r), Token: []byte("a secret token")}
				emitter, listener := d.dial(t, client, c), d.dial(t, client, c)
				passes(t, emitter, listener, 0, 10, 1000, 20_000)
				if err := listener.Rebind(t.Context()); err != nil {
					t.Fatal(err)
				}
				passes(t, emitter, listener, 1000)
				if r == string(udpq.ReliabilityAck) {
					passes(t, emitter, listener, 500_000)
				}
				for _, word := range []string{"a secret payload", "a secret token", "news"} {
					if d.tap.contains(word) {
						t.Errorf("%q can be read on the way", word)
					}
				}
				if st := d.Stats(); st.Moved != 1 || st.Sessions != 2 {
					t.Errorf("Stats() = %+v, want 2 sessions, one moved", st)
				}
				if st := d.socket.Stats(); st.Established != 3 || st.Failed != 0 {
					t.Errorf("socket Stats() = %+v, want 3 associations established", st)
				}
			})
		}
	}
}

func TestWhoIsNotBelieved(t *testing.T) {
	byCertificate := open(t, dtls.Config{}, udpq.Config{})
	key := []byte("sixteen bytes and more")
	byKey := open(t, dtls.Config{
		PSK: func(identity string) ([]byte, bool) { return key, identity == "ada" }, HandshakeTimeout: time.Second,
	}, udpq.Config{})
	other := access.Fingerprint{1}
	for name, test := range map[string]struct {
		door *door
		how  *dtls.ClientConfig
		want string
	}{
		"another pin":      {byCertificate, trusting(t, access.Trust{Fingerprint: &other}), "was replaced, or somebody is in between"},
		"nobody vouches":   {byCertificate, trusting(t, access.Trust{}), "certificate"},
		"another key":      {byKey, &dtls.ClientConfig{PSK: []byte("another key, as long"), Identity: "ada"}, "handshake"},
		"another identity": {byKey, &dtls.ClientConfig{PSK: key, Identity: "eve"}, `does the server know the key of "eve"?`},
		"no key":           {byKey, trusting(t, access.Trust{Insecure: true}), "handshake"},
		"no certificate":   {byCertificate, &dtls.ClientConfig{PSK: key, Identity: "ada"}, "handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			test.how.HandshakeTimeout = 2 * time.Second
			_, err := udpq.Dial(t.Context(), test.door.addr, &udpq.ClientConfig{Dial: test.how.Dial})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Dial() = %v, want %q in it", err, test.want)
			}
		})
	}
	for _, d := range []*door{byCertificate, byKey} {
		if st := d.Stats(); st.Accepted != 0 {
			t.Errorf("Stats() = %+v, want no session", st)
		}
	}
}

// A client that does not believe the server says so, and its handshake makes
// room at once; of who stands, an alert that anybody could write ends nothing.
func TestHandshakeGivenUp(t *testing.T) {
	d := open(t, dtls.Config{HandshakeTimeout: time.Hour}, udpq.Config{})
	how := d.pinned(t)
	var raw *lastWritten
	how.Open = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		raw = &lastWritten{Conn: c}
		return raw, err
	}
	a, b := d.dial(t, how, udpq.ClientConfig{}), d.dial(t, d.pinned(t), udpq.ClientConfig{})
	other := access.Fingerprint{1}
	if _, err := udpq.Dial(t.Context(), d.addr, &udpq.ClientConfig{Dial: trusting(t, access.Trust{Fingerprint: &other}).Dial}); err == nil {
		t.Fatal("Dial() with another pin = nil")
	}
	for st := d.socket.Stats(); st.Handshakes > 0 || st.Failed == 0; st = d.socket.Stats() {
		if t.Context().Err() != nil {
			t.Fatalf("Stats() = %+v, want the handshake given up", st)
		}
		runtime.Gosched()
	}
	record := *raw.b.Load() // type 1, version 2, epoch 2, number 6, connection ID 8
	forged := slices.Concat([]byte{25, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99}, record[11:19], []byte{0, 3, 2, 42, 21})
	dropped := d.socket.Stats().Dropped
	if _, err := raw.Write(forged); err != nil {
		t.Fatal(err)
	}
	passes(t, a, b, 100)
	if st := d.socket.Stats(); st.Dropped != dropped+1 || st.Associations != 2 {
		t.Errorf("Stats() = %+v, want the forged alert dropped, 2 associations", st)
	}
}

// lastWritten is a socket that remembers the last datagram written.
type lastWritten struct {
	net.Conn
	b atomic.Pointer[[]byte]
}

func (c *lastWritten) Write(b []byte) (int, error) {
	last := bytes.Clone(b)
	c.b.Store(&last)
	return c.Conn.Write(b)
}

// A client and a server that speak differently tell their users.
func TestMixedUp(t *testing.T) {
	d := open(t, dtls.Config{}, udpq.Config{})
	_, err := udpq.Dial(t.Context(), d.addr, nil)
	if e, ok := errors.AsType[*udpq.RefusedError](err); !ok || e.Words != dtls.UseDTLS {
		t.Errorf("Dial() without DTLS = %v, want %q", err, dtls.UseDTLS)
	}
	plain, err := udpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, done := udpq.NewServer(nil), make(chan error, 1)
	go func() { done <- s.Serve(ctx, plain) }()
	how := d.pinned(t)
	how.HandshakeTimeout = 300 * time.Millisecond
	_, err = udpq.Dial(t.Context(), plain.LocalAddr().String(), &udpq.ClientConfig{Dial: how.Dial})
	if err == nil || !strings.Contains(err.Error(), "does it speak DTLS") {
		t.Errorf("Dial() of a server without DTLS = %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// clientHello returns the first datagram of a handshake.
func clientHello(t *testing.T, d *door) (hello []byte) {
	t.Helper()
	sink, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	how := d.pinned(t)
	how.HandshakeTimeout = 50 * time.Millisecond
	go how.Dial(t.Context(), "udp", sink.LocalAddr().String())
	b := make([]byte, 1<<16)
	n, _, err := sink.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// Hellos that nobody answers for fill no more than MaxHandshakes places, and
// keep nobody out.
func TestForgedHandshakes(t *testing.T) {
	const places = 8
	d := open(t, dtls.Config{MaxHandshakes: places, HandshakeTimeout: time.Hour}, udpq.Config{})
	hello := clientHello(t, d)
	for range 300 {
		c, err := net.Dial("udp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(hello); err != nil {
			t.Fatal(err)
		}
		if st := d.socket.Stats(); st.Handshakes > places {
			t.Fatalf("Stats() = %+v, want %d handshakes at most", st, places)
		}
	}
	c := d.dial(t, d.pinned(t), udpq.ClientConfig{})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if st := d.socket.Stats(); st.Established != 1 || st.Failed < 200 {
		t.Errorf("Stats() = %+v, want one established, the others given up but for %d", st, places)
	}
}

// One source is heeded for so many records of handshakes a second, by its own
// clock; others beside it as before.
func TestSourceRate(t *testing.T) {
	const rate = 50
	now := clock.NewVirtual(time.Unix(1e9, 0))
	d := open(t, dtls.Config{SourceRate: rate, Clock: now, HandshakeTimeout: time.Hour, IdleTimeout: time.Hour}, udpq.Config{})
	hello := clientHello(t, d)
	sent := uint64(0)
	flood := func(limited uint64) {
		t.Helper()
		for range 3 * rate {
			c, err := net.Dial("udp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() }) // not before: a port used again would go on with its handshake
			if _, err := c.Write(hello); err != nil {
				t.Fatal(err)
			}
			sent++
			for st := d.socket.Stats(); st.Limited+uint64(st.Handshakes)+st.Failed < sent; st = d.socket.Stats() { // one by one, so that no buffer overflows
				if t.Context().Err() != nil {
					t.Fatalf("Stats() = %+v, want %d hellos", st, sent)
				}
				runtime.Gosched()
			}
		}
		if st := d.socket.Stats(); st.Limited != limited {
			t.Errorf("Stats() = %+v, want %d limited", st, limited)
		}
	}
	flood(2 * rate)
	now.Call(time.Second/2, func() {})
	now.Step()
	flood(2*rate + 5*rate/2)
}

func TestGarbage(t *testing.T) {
	d := open(t, dtls.Config{}, udpq.Config{})
	hello := clientHello(t, d)
	c, err := net.Dial("udp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n := range hello {
		damaged := bytes.Clone(hello)
		damaged[n] ^= 0x41
		for _, b := range [][]byte{damaged, hello[:n]} {
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.Write(bytes.Repeat([]byte{23, 254, 253, 0, 1}, 20)); err != nil { // data of no association
		t.Fatal(err)
	}
	a, b := d.dial(t, d.pinned(t), udpq.ClientConfig{}), d.dial(t, d.pinned(t), udpq.ClientConfig{})
	passes(t, a, b, 100)
	if st := d.socket.Stats(); st.Dropped == 0 || st.Established != 2 {
		t.Errorf("Stats() = %+v, want garbage dropped, 2 established", st)
	}
}

// A client that was ended without a word comes back from the same address.
func TestSameAddressAgain(t *testing.T) {
	d := open(t, dtls.Config{}, udpq.Config{})
	how := d.pinned(t)
	var local net.Addr
	var socket *mute
	how.Open = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{LocalAddr: local}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		local, socket = c.LocalAddr(), &mute{Conn: c}
		return socket, nil
	}
	for n := range uint64(3) {
		c, err := udpq.Dial(t.Context(), d.addr, &udpq.ClientConfig{Origin: 7 + n, Dial: how.Dial, RetryInterval: time.Millisecond})
		if err != nil {
			t.Fatalf("client %d from %v: %v", n, local, err)
		}
		socket.silent.Store(true)
		c.Close()
	}
	if st := d.socket.Stats(); st.Established != 3 || st.Associations != 1 {
		t.Errorf("Stats() = %+v, want 3 associations, one after the other", st)
	}
}

// mute is a socket that can be kept from saying anything more.
type mute struct {
	net.Conn
	silent atomic.Bool
}

func (m *mute) Write(b []byte) (int, error) {
	if m.silent.Load() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

// An association that carries nothing ends.
func TestIdleAssociation(t *testing.T) {
	d := open(t, dtls.Config{IdleTimeout: 100 * time.Millisecond}, udpq.Config{})
	conn, err := d.pinned(t).Dial(t.Context(), "udp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("Read() = nil, want that the server ended the association")
	}
	if st := d.socket.Stats(); st.Established != 1 {
		t.Errorf("Stats() = %+v", st)
	}
}

// Other implementations shake hands with ours.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_TOOLS is set, but: %v", err)
	}
	if err != nil {
		t.Skip("no openssl here")
	}
	key := []byte("sixteen bytes and more")
	for name, test := range map[string]struct {
		config dtls.Config
		args   []string
	}{
		"certificate": {dtls.Config{}, nil},
		"key": {
			dtls.Config{PSK: func(identity string) ([]byte, bool) { return key, identity == "ada" }},
			[]string{"-psk_identity", "ada", "-psk", fmt.Sprintf("%x", key), "-cipher", "ECDHE-PSK-CHACHA20-POLY1305"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, test.config, udpq.Config{})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, openssl, append([]string{"s_client", "-dtls1_2", "-connect", d.addr}, test.args...)...)
			stdin, hold := io.Pipe()
			var out bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for d.socket.Stats().Established == 0 && ctx.Err() == nil {
				time.Sleep(time.Millisecond) // another program gives no sign
			}
			io.WriteString(hold, "Q\n") // quit
			hold.Close()
			if err := cmd.Wait(); err != nil || d.socket.Stats().Established != 1 {
				t.Errorf("openssl: %v, %+v\n%s", err, d.socket.Stats(), &out)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	d := open(t, dtls.Config{}, udpq.Config{})
	conn, err := d.pinned(t).Dial(t.Context(), "udp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := errors.AsType[*framing.SizeError](writeError(conn, dtls.MaxDatagram+1)); !ok {
		t.Error("what no record can carry is taken")
	}
	if err := writeError(conn, dtls.MaxDatagram); err != nil {
		t.Errorf("Write(%d bytes) = %v", dtls.MaxDatagram, err)
	}
}

func writeError(c net.Conn, bytes int) error {
	_, err := c.Write(make([]byte, bytes))
	return err
}
