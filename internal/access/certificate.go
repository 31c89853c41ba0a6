package access

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Certificate is a server's certificate in use. It is safe for concurrent use.
type Certificate struct {
	cert, key string // paths, empty for one made in memory
	current   atomic.Pointer[tls.Certificate]

	mu      sync.Mutex
	content [][]byte // of the files, when they were read last
}

// OpenCertificate reads a certificate (with its chain) and its key, both PEM.
// Its errors tell the file and what to do.
func OpenCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key}
	return c, c.Reload()
}

// Reload reads the files again. What cannot be used leaves the certificate
// of before in use.
func (c *Certificate) Reload() error {
	cert, err := os.ReadFile(c.cert)
	key, keyErr := os.ReadFile(c.key)
	if err := cmp.Or(err, keyErr); err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	c.mu.Lock()
	c.content = [][]byte{cert, key}
	c.mu.Unlock()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.current.Store(&pair)
	return nil
}

// Watch reloads the files whenever they change, until ctx is done, and
// reports what came of it. A certificate made in memory does not change.
func (c *Certificate) Watch(ctx context.Context, report func(err error)) {
	if c.cert == "" {
		return
	}
	c.mu.Lock()
	used := c.content
	c.mu.Unlock()
	watch(ctx, nil, []string{c.cert, c.key}, used, func(changed bool) {
		if changed {
			report(c.Reload())
		}
	})
}

// Leaf returns the certificate that clients see now.
func (c *Certificate) Leaf() *x509.Certificate { return c.current.Load().Leaf }

// Objection says why clients will not take the certificate at that time, "" if
// nothing is wrong with its dates.
func (c *Certificate) Objection(now time.Time) string {
	leaf := c.Leaf()
	switch {
	case now.After(leaf.NotAfter):
		return "expired " + leaf.NotAfter.UTC().Format(time.RFC3339)
	case now.Before(leaf.NotBefore):
		return "not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339)
	}
	return ""
}

// ServerConfig returns how a server speaks TLS: 1.3 (RFC 8446), nothing older.
func (c *Certificate) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
