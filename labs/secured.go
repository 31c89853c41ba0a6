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

// overDTLS is plain UDP under DTLS. Its clients offer a connection ID, or not.
func (i *identity) overDTLS(named bool) *transport {
	plain := overUDP(udpq.ReliabilityNone)
	t := *plain
	t.seals = newSeals()
	t.serve = func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		o := *s
		o.wrap = func(c net.PacketConn) (net.PacketConn, error) {
			return t.seals.listen(c, &dtls.Config{
				Clock: s.clock, HandshakeTimeout: patience,
				Certificate: func() (*tls.Certificate, error) { return i.certificate.ServerConfig().GetCertificate(nil) },
				OnStranger:  func(datagram []byte, _ net.Addr) { t.seals.refuse(datagram, s.trace) },
			})
		}
		return plain.serve(ctx, h, &o)
	}
	t.dial = func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		o := i.known(d)
		o.seal = func(c dtls.ClientConfig) dialing { c.Unnamed = !named; return t.seals.dial(c) }
		return plain.dial(ctx, h, o)
	}
	return &t
}

// known adds to a client's options whom it believes.
func (i *identity) known(d *dialOptions) *dialOptions {
	o := *d
	o.tls = i.believe
	return &o
}
