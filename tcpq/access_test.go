package tcpq_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// keyring returns a keyring of one token "ada", and what writes its rights anew.
func keyring(t *testing.T, rights string) (*access.Keyring, func(content string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(tokens(rights))
	k, err := access.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, func(content string) {
		t.Helper()
		put(content)
		if changed, err := k.Reload(); !changed || err != nil {
			t.Fatalf("Reload() = %t, %v", changed, err)
		}
	}
}

func tokens(rights string) string {
	return "tokens:\n  - name: ada\n    sha256: " + access.DigestOf([]byte("secret")).String() + "\n    " + rights + "\n"
}

var ada = &tcpq.ClientConfig{Token: []byte("secret")}

func TestTokens(t *testing.T) {
	k, _ := keyring(t, "emit: [out.>]\n    listen: [in.*, out.>]")
	s := serve(t, &tcpq.Config{Keyring: k})
	for words, token := range map[string]string{"a token is needed": "", "not known": "guess"} {
		_, err := tcpq.Dial(t.Context(), s.addr, &tcpq.ClientConfig{Token: []byte(token)})
		e, ok := errors.AsType[*tcpq.RefusedError](err)
		if !ok || e.Code != framing.CodeUnauthorized || !strings.Contains(e.Words, words) {
			t.Errorf("Dial() with token %q = %v, want %q", token, err, words)
		}
	}
	c := dial(t, s, ada)
	subscribe(t, c, "in.1")
	subscribe(t, c, "out.1")
	for _, topic := range []string{"in.1.2", "else", ">", "in.>"} {
		_, err := c.Subscribe(t.Context(), topic)
		if e, ok := errors.AsType[*tcpq.RefusedError](err); !ok || e.Code != framing.CodeUnauthorized {
			t.Errorf("Subscribe(%s) = %v, want it refused", topic, err)
		}
	}
	emit(t, c, "out.1", 1, 10)
	for range 3 {
		if _, err := c.Emit("in.1", []byte("forbidden")); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Flush(t.Context())
	if e, ok := errors.AsType[*tcpq.UnacceptedError](err); !ok || e.Events != 3 || e.Code != framing.CodeUnauthorized {
		t.Errorf("Flush() = %v, want 3 events refused as unauthorized", err)
	}
	emit(t, c, "out.1", 10, 11)
	expect(t, c, 1, 11)
	st := s.Stats()
	if st.Dropped[queue.FateUnauthorized] != 3 || st.Received != 10 || st.Refusals["unauthorized"] != 2 {
		t.Errorf("Stats() = %+v, want 3 events unauthorized, 10 received, 2 clients refused", st)
	}
}

// Rights that change hold for conversations that are under way.
func TestRightsChange(t *testing.T) {
	k, put := keyring(t, "emit: [a, b]\n    listen: [a, b]")
	s := serve(t, &tcpq.Config{Keyring: k})
	emitter, listenerA, listenerB := dial(t, s, ada), dial(t, s, ada), dial(t, s, ada)
	subscribe(t, listenerA, "a")
	subscribe(t, listenerB, "b")
	emit(t, emitter, "b", 1, 2)
	put(tokens("emit: [a]\n    listen: [a]"))
	emit(t, emitter, "a", 1, 2)
	expect(t, listenerA, 1, 2)
	emitter.Emit("b", nil)
	if e, ok := errors.AsType[*tcpq.UnacceptedError](emitter.Flush(t.Context())); !ok || e.Code != framing.CodeUnauthorized {
		t.Errorf("Flush() after the right was taken = %v, want it refused", e)
	}
	expect(t, listenerB, 1, 2)
	_, err := listenerB.Next(t.Context())
	if e, ok := errors.AsType[*tcpq.ClosedError](err); !ok || e.Code != framing.CodeUnauthorized || !strings.Contains(e.Words, `"b"`) {
		t.Errorf("Next() after the right was taken = %v, want the end, and why", err)
	}
	put("tokens: []\n")
	for _, c := range []*tcpq.Client{emitter, listenerA} {
		_, err := c.Next(t.Context())
		if e, ok := errors.AsType[*tcpq.ClosedError](err); !ok || e.Code != framing.CodeUnauthorized {
			t.Errorf("Next() after the token was revoked = %v, want the end", err)
		}
	}
}

func secure(t *testing.T) (*access.Certificate, *tls.Config) {
	t.Helper()
	cert, err := access.SelfSigned(time.Now(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	pin := access.FingerprintOf(cert.Leaf())
	config, err := (&access.Trust{Fingerprint: &pin}).ClientConfig("localhost")
	if err != nil {
		t.Fatal(err)
	}
	return cert, config
}

func TestTLS(t *testing.T) {
	cert, trust := secure(t)
	s := serve(t, &tcpq.Config{TLS: cert.ServerConfig()})
	c := dial(t, s, &tcpq.ClientConfig{TLS: trust})
	subscribe(t, c, "news")
	emit(t, c, "news", 1, 5000)
	expect(t, c, 1, 5000)
	s.stop()
	if _, err := c.Next(t.Context()); !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("Next() = %v, want the server's bye", err)
	}
}

func TestTLSMismatches(t *testing.T) {
	cert, trust := secure(t)
	_, stranger := secure(t)
	encrypted, plain := serve(t, &tcpq.Config{TLS: cert.ServerConfig()}), serve(t, nil)
	if _, err := tcpq.Dial(t.Context(), encrypted.addr, nil); err == nil || !strings.Contains(err.Error(), "tls://") {
		t.Errorf("plain Dial() of a TLS server = %v, want the advice", err)
	}
	if _, err := tcpq.Dial(t.Context(), plain.addr, &tcpq.ClientConfig{TLS: trust}); !errors.Is(err, tcpq.ErrNotTLS) {
		t.Errorf("TLS Dial() of a plain server = %v, want ErrNotTLS", err)
	}
	_, err := tcpq.Dial(t.Context(), encrypted.addr, &tcpq.ClientConfig{TLS: stranger})
	if _, ok := errors.AsType[*access.FingerprintError](err); !ok {
		t.Errorf("Dial() with another pin = %v, want a FingerprintError", err)
	}
	encrypted.stop()
	if st := encrypted.Stats(); st.Refusals["tls"] == 0 || st.Refused != 2 {
		t.Errorf("Stats() = %+v, want 2 refused", st)
	}
}

// A client that begins a TLS handshake and goes silent is cut off as any other.
func TestSlowTLSHandshake(t *testing.T) {
	cert, _ := secure(t)
	s := serve(t, &tcpq.Config{TLS: cert.ServerConfig(), HandshakeTimeout: 20 * time.Millisecond})
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte{0x16, 0x03}) // a handshake record's beginning (RFC 8446, section 5.1)
	if n, err := c.Read(make([]byte, 100)); err == nil {
		t.Errorf("server sent %d bytes, want the end", n)
	}
	s.stop()
	if st := s.Stats(); st.Refusals["timeout"] != 1 {
		t.Errorf("Stats() = %+v, want 1 timeout", st)
	}
}
