package access

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Fingerprint is the SHA-256 of a certificate (DER), as openssl x509
// -fingerprint -sha256 prints it.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns a certificate's fingerprint.
func FingerprintOf(c *x509.Certificate) Fingerprint { return sha256.Sum256(c.Raw) }

// String returns upper-case hexadecimal pairs between colons.
func (f Fingerprint) String() string {
	var b strings.Builder
	for i, v := range f {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", v)
	}
	return b.String()
}

// ParseFingerprint reads 64 hexadecimal digits, with or without colons.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("%q is no SHA-256 fingerprint: want 64 hexadecimal digits, with or without colons", s)
	}
	copy(f[:], b)
	return f, nil
}

// FingerprintError says that a server showed another certificate than the
// one that was pinned.
type FingerprintError struct{ Want, Have Fingerprint }

func (e *FingerprintError) Error() string {
	return fmt.Sprintf("the server's certificate has the fingerprint %v, not %v: it was replaced, or somebody is in between", e.Have, e.Want)
}

// Trust says which servers a client believes. The zero value believes those
// that the system's roots vouch for.
type Trust struct {
	CA          string       // a PEM file of roots, instead of the system's
	Fingerprint *Fingerprint // of the one certificate believed, whoever signed it, for whatever name
	Insecure    bool         // whoever answers is believed
}

// ClientConfig returns how a client speaks TLS to a server of that name or
// address: 1.3, nothing older.
func (t *Trust) ClientConfig(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: host}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("reading the roots: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate: want PEM, which begins -----BEGIN CERTIFICATE-----", t.CA)
		}
	}
	c.InsecureSkipVerify = t.Insecure || t.Fingerprint != nil
	if pin := t.Fingerprint; pin != nil {
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("the server showed no certificate")
			}
			if have := FingerprintOf(s.PeerCertificates[0]); have != *pin {
				return &FingerprintError{Want: *pin, Have: have}
			}
			return nil
		}
	}
	return c, nil
}
