package labs

import (
	"context"
	"crypto/tls"
	"net"

	"rawlab/internal/access"
	"rawlab/internal/clock"
	"rawlab/tcpq"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// identity is how a lab's server shows who it is over TLS and DTLS, and how
// its clients know it.
type identity struct {
	certificate *access.Certificate
	believe     *tls.Config
}

// newIdentity makes a certificate for a server of that name.
func newIdentity(name string) (*identity, error) {
	c, err := access.SelfSigned(clock.Real.Now(), name)
	if err != nil {
		return nil, err
	}
	pin := access.FingerprintOf(c.Leaf())
	believe, err := (&access.Trust{Fingerprint: &pin}).ClientConfig(name)
	return &identity{c, believe}, err
}

// overTLS is TCP under TLS.
func (i *identity) overTLS() *transport {
	t := *overTCP
	t.serve = func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		o := *s
		o.tuneTCP = func(c *tcpq.Config) { c.TLS = i.certificate.ServerConfig() }
		return overTCP.serve(ctx, h, &o)
	}
	t.dial = func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		return overTCP.dial(ctx, h, i.known(d))
	}
	return &t
}

// overDTLS is plain UDP under DTLS.
func (i *identity) overDTLS() *transport {
	plain := overUDP(udpq.ReliabilityNone)
	t := *plain
	t.serve = func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		o := *s
		o.wrap = func(c net.PacketConn) (net.PacketConn, error) {
			return dtls.Listen(c, &dtls.Config{
				Clock: s.clock, HandshakeTimeout: patience,
				Certificate: func() (*tls.Certificate, error) { return i.certificate.ServerConfig().GetCertificate(nil) },
			})
		}
		return plain.serve(ctx, h, &o)
	}
	t.dial = func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		return plain.dial(ctx, h, i.known(d))
	}
	return &t
}

// known adds to a client's options whom it believes.
func (i *identity) known(d *dialOptions) *dialOptions {
	o := *d
	o.tls = i.believe
	return &o
}
