package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// selfSignedLife is how long a certificate made here is valid: clients that
// pin its fingerprint do not look at it, a CA file's readers do.
const selfSignedLife = 10 * 365 * 24 * time.Hour

// SelfSigned makes a certificate in memory for hosts, names or addresses,
// valid from now on.
func SelfSigned(now time.Time, hosts ...string) (*Certificate, error) {
	cert, key, err := makeSelfSigned(now, hosts)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	c := &Certificate{}
	c.current.Store(&pair)
	return c, nil
}

// SelfSignedIn is SelfSigned with a memory: the certificate that is in the
// folder, or one made and put there, so that clients may pin it.
func SelfSignedIn(folder string, now time.Time, hosts ...string) (*Certificate, error) {
	cert, key := filepath.Join(folder, "tls-cert.pem"), filepath.Join(folder, "tls-key.pem")
	if _, err := os.Stat(cert); errors.Is(err, fs.ErrNotExist) {
		certPEM, keyPEM, err := makeSelfSigned(now, hosts)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(key, keyPEM, 0o600); err != nil {
			return nil, err
		}
		if err := os.WriteFile(cert, certPEM, 0o644); err != nil { // last: what is looked for
			return nil, err
		}
	}
	return OpenCertificate(cert, key)
}

// makeSelfSigned returns a certificate and its key as PEM.
func makeSelfSigned(now time.Time, hosts []string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "rawlab"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedLife), // clocks differ
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
