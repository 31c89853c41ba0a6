package access_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rawlab/internal/access"
)

// pair returns both ends of a connection. One in memory would not do: it
// holds no byte, so a client that fails while the server writes waits for it.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// shake does a handshake and returns how it ended for the client.
func shake(t *testing.T, server *access.Certificate, trust *access.Trust, host string) error {
	t.Helper()
	config, err := trust.ClientConfig(host)
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := tls.Server(b, server.ServerConfig())
		s.Handshake() // fails where the client's fails
		b.Close()
	}()
	c := tls.Client(a, config)
	err = c.Handshake()
	if v := c.ConnectionState().Version; err == nil && v != tls.VersionTLS13 {
		t.Errorf("version %s, want TLS 1.3", tls.VersionName(v))
	}
	a.Close()
	<-done
	return err
}

func TestTrust(t *testing.T) {
	cert, err := access.SelfSigned(time.Now(), "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := access.SelfSigned(time.Now(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	ca := write(t, filepath.Join(t.TempDir(), "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Leaf().Raw})))
	pin, wrong := access.FingerprintOf(cert.Leaf()), access.FingerprintOf(other.Leaf())
	tests := map[string]struct {
		trust access.Trust
		host  string
		held  bool
	}{
		"system roots":      {access.Trust{}, "localhost", false},
		"its own root":      {access.Trust{CA: ca}, "localhost", true},
		"by address":        {access.Trust{CA: ca}, "127.0.0.1", true},
		"another name":      {access.Trust{CA: ca}, "example.org", false},
		"fingerprint":       {access.Trust{Fingerprint: &pin}, "example.org", true},
		"wrong fingerprint": {access.Trust{Fingerprint: &wrong}, "localhost", false},
		"insecure":          {access.Trust{Insecure: true}, "example.org", true},
		"pinned, insecure":  {access.Trust{Insecure: true, Fingerprint: &wrong}, "localhost", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := shake(t, cert, &test.trust, test.host)
			if (err == nil) != test.held {
				t.Errorf("handshake = %v, want held = %t", err, test.held)
			}
			if e, ok := errors.AsType[*access.FingerprintError](err); strings.Contains(name, "wrong") && (!ok || e.Have != pin) {
				t.Errorf("handshake = %v, want a FingerprintError", err)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	cert, err := access.SelfSigned(time.Now(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	f := access.FingerprintOf(cert.Leaf())
	for _, s := range []string{f.String(), strings.ReplaceAll(strings.ToLower(f.String()), ":", "")} {
		if got, err := access.ParseFingerprint(s); got != f || err != nil {
			t.Errorf("ParseFingerprint(%s) = %v, %v", s, got, err)
		}
	}
	if _, err := access.ParseFingerprint("AB:CD"); err == nil {
		t.Error("ParseFingerprint(AB:CD) said nothing")
	}
}

func TestSelfSignedStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := access.SelfSignedIn(dir, time.Now(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	again, err := access.SelfSignedIn(dir, time.Now(), "localhost")
	if err != nil || access.FingerprintOf(again.Leaf()) != access.FingerprintOf(first.Leaf()) {
		t.Errorf("SelfSignedIn again = another certificate, %v", err)
	}
	paths := func(dir string) []string {
		return []string{filepath.Join(dir, "tls-cert.pem"), filepath.Join(dir, "tls-key.pem")}
	}
	for _, path := range paths(dir) {
		if info, err := os.Stat(path); err != nil || strings.Contains(path, "key") && os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want a key for its owner only", path, info.Mode(), err)
		}
	}
	elsewhere := t.TempDir()
	other, err := access.SelfSignedIn(elsewhere, time.Now(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range paths(elsewhere) { // another pair in place of the first
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, paths(dir)[i], string(b))
	}
	if err := first.Reload(); err != nil || access.FingerprintOf(first.Leaf()) != access.FingerprintOf(other.Leaf()) {
		t.Errorf("Reload() = %v, want the other certificate", err)
	}
	write(t, paths(dir)[0], "no certificate")
	if err := first.Reload(); err == nil || shake(t, first, &access.Trust{Insecure: true}, "x") != nil {
		t.Errorf("Reload() of a broken file = %v, want an error and the certificate of before", err)
	}
	if first.Objection(time.Now()) != "" || !strings.Contains(first.Objection(time.Now().AddDate(20, 0, 0)), "expired") {
		t.Errorf("Objection: now %q, in 20 years %q", first.Objection(time.Now()), first.Objection(time.Now().AddDate(20, 0, 0)))
	}
}

func TestNoOlderTLS(t *testing.T) {
	cert, err := access.SelfSigned(time.Now(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t)
	done := make(chan error, 1)
	go func() {
		done <- tls.Server(b, cert.ServerConfig()).Handshake()
		b.Close()
	}()
	c := tls.Client(a, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err := c.Handshake(); err == nil {
		t.Error("a client of TLS 1.2 was let in")
	}
	a.Close()
	if err := <-done; err == nil {
		t.Error("the server shook hands by TLS 1.2")
	}
}
