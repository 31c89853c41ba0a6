package dtls

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	pion "github.com/pion/dtls/v3"
	pionnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/logging"

	"rawlab/framing"
	"rawlab/internal/clock"
)

const (
	// Overhead is what DTLS 1.2 adds to a datagram in bytes, at most: header 13
	// (RFC 6347 section 4.3.1), nonce 8, tag 16 (RFC 5288 section 3); and what a
	// client adds, a connection ID and the inner type (RFC 9146 section 4).
	Overhead = 13 + 8 + 16 + IDBytes + 1
	// MaxDatagram is the largest datagram in bytes that an association carries:
	// the library reads records of up to 8 KiB.
	MaxDatagram = 8<<10 - Overhead
	// Budget is the size of datagrams that fit every Ethernet path without IP
	// fragmentation, encrypted.
	Budget = framing.DefaultDatagram - Overhead
)

// Defaults of [Config] and [ClientConfig].
const (
	DefaultMaxHandshakes    = 256
	DefaultSourceRate       = 1_000
	DefaultMaxAssociations  = 10_000
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultIdleTimeout      = 2 * time.Minute
)

// Config configures a server's socket. It needs a Certificate or a PSK.
type Config struct {
	Certificate func() (*tls.Certificate, error)            // in use now
	PSK         func(identity string) (key []byte, ok bool) // that a client of that identity has

	MaxHandshakes    int           // at a time, default DefaultMaxHandshakes
	SourceRate       int           // records of handshakes heeded a second from one IP address, of IPv6 one /64; default DefaultSourceRate, negative: all
	MaxAssociations  int           // default DefaultMaxAssociations
	HandshakeTimeout time.Duration // default DefaultHandshakeTimeout
	IdleTimeout      time.Duration // an association that carried nothing for so long ends, default DefaultIdleTimeout
	Logger           *slog.Logger  // default silent

	// OnStranger is told of each datagram that is dropped since it is of no
	// association, default nobody. It must not keep it, nor wait.
	OnStranger func(datagram []byte, from net.Addr)
	Clock      clock.Clock // default clock.Real; handshakes take the machine's own
}

func (c *Config) orDefault() Config {
	d := *c
	d.MaxHandshakes = cmp.Or(d.MaxHandshakes, DefaultMaxHandshakes)
	d.SourceRate = cmp.Or(d.SourceRate, DefaultSourceRate)
	d.MaxAssociations = cmp.Or(d.MaxAssociations, DefaultMaxAssociations)
	d.HandshakeTimeout = cmp.Or(d.HandshakeTimeout, DefaultHandshakeTimeout)
	d.IdleTimeout = cmp.Or(d.IdleTimeout, DefaultIdleTimeout)
	d.Clock = clock.Or(d.Clock)
	d.Logger = cmp.Or(d.Logger, slog.New(slog.DiscardHandler))
	return d
}

// errUnknownPSK does not tell the client what was wrong.
var errUnknownPSK = errors.New("no such PSK identity")

func (c *Config) options() (all []pion.ServerOption) {
	all = append(all, pion.WithCipherSuites(suites(c.Certificate != nil, c.PSK != nil)...))
	for _, o := range commonOptions() {
		all = append(all, o)
	}
	if c.Certificate != nil {
		all = append(all, pion.WithGetCertificate(func(*pion.ClientHelloInfo) (*tls.Certificate, error) { return c.Certificate() }))
	}
	if c.PSK != nil {
		all = append(all, pion.WithPSK(func(identity []byte) ([]byte, error) {
			if key, ok := c.PSK(string(identity)); ok {
				return key, nil
			}
			return nil, errUnknownPSK
		}))
	}
	return all
}

// suites are ciphers with forward secrecy and authenticated encryption.
func suites(certificate, psk bool) (all []pion.CipherSuiteID) {
	if certificate {
		all = append(all, pion.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, pion.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			pion.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, pion.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			pion.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, pion.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
	}
	if psk {
		all = append(all, pion.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256)
	}
	return all
}

// replayWindow is how far a record may be overtaken (RFC 6347 section
// 4.1.2.6); older ones are dropped.
const replayWindow = 1024

// flightInterval is until a flight of the handshake is sent again first,
// doubling.
const flightInterval = 250 * time.Millisecond

func commonOptions() []pion.Option {
	return []pion.Option{
		pion.WithExtendedMasterSecret(pion.RequireExtendedMasterSecret), // RFC 7627
		pion.WithReplayProtectionWindow(replayWindow),
		pion.WithFlightInterval(flightInterval),
		pion.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	}
}

// ClientConfig says whom a client believes. It needs TLS or a PSK.
type ClientConfig struct {
	TLS      *tls.Config // of it RootCAs, ServerName, InsecureSkipVerify and VerifyConnection count
	PSK      []byte      // the key, instead
	Identity string      // that the server knows the key by

	HandshakeTimeout time.Duration // default DefaultHandshakeTimeout

	// Unnamed offers no connection ID (RFC 9146 section 3), as clients do that
	// know of none: to the server, a record from another address is then a
	// stranger's, and the client has to shake hands over another socket.
	Unnamed bool

	// Open opens the socket, default one of this machine.
	Open func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (c *ClientConfig) options() (all []pion.ClientOption) {
	all = append(all, pion.WithCipherSuites(suites(c.PSK == nil, c.PSK != nil)...))
	for _, o := range commonOptions() {
		all = append(all, o)
	}
	if !c.Unnamed {
		all = append(all, pion.WithConnectionIDGenerator(pion.OnlySendCIDGenerator()))
	}
	if c.PSK != nil {
		return append(all, pion.WithPSK(func([]byte) ([]byte, error) { return c.PSK, nil }), pion.WithPSKIdentityHint([]byte(c.Identity)))
	}
	all = append(all, pion.WithServerName(c.TLS.ServerName), pion.WithInsecureSkipVerify(c.TLS.InsecureSkipVerify))
	if c.TLS.RootCAs != nil {
		all = append(all, pion.WithRootCAs(c.TLS.RootCAs))
	}
	if verify := c.TLS.VerifyConnection; verify != nil {
		all = append(all, pion.WithVerifyConnection(func(s *pion.State) error {
			state := tls.ConnectionState{Version: tls.VersionTLS12, ServerName: c.TLS.ServerName}
			for _, raw := range s.PeerCertificates {
				certificate, err := x509.ParseCertificate(raw)
				if err != nil {
					return err
				}
				state.PeerCertificates = append(state.PeerCertificates, certificate)
			}
			return verify(state)
		}))
	}
	return all
}

// Dial opens a connected socket and shakes hands over it: it is for
// udpq.ClientConfig.Dial.
func (c *ClientConfig) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	open := c.Open
	if open == nil {
		open = new(net.Dialer).DialContext
	}
	raw, err := open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	timeout := cmp.Or(c.HandshakeTimeout, DefaultHandshakeTimeout)
	conn, err := pion.ClientWithOptions(pionnet.PacketConnFromConn(raw), raw.RemoteAddr(), c.options()...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing DTLS: %w", err), raw.Close())
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := conn.HandshakeContext(limited); err != nil {
		conn.Close()
		raw.Close()
		if limited.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("no DTLS handshake with %s within %v: does it speak DTLS, and know this client's key?", addr, timeout)
		}
		if c.PSK != nil {
			return nil, fmt.Errorf("DTLS handshake: %w; does the server know the key of %q?", err, c.Identity)
		}
		return nil, fmt.Errorf("DTLS handshake: %w", err)
	}
	return &clientConn{Conn: conn, raw: raw}, nil
}

// clientConn is a client's end of an association.
type clientConn struct {
	*pion.Conn
	raw net.Conn
}

// SetReadBuffer sets the size of the socket's receive buffer in bytes.
func (c *clientConn) SetReadBuffer(bytes int) error { return setReadBuffer(c.raw, bytes) }

func (c *clientConn) Write(b []byte) (int, error) {
	if len(b) > MaxDatagram {
		return 0, &framing.SizeError{Size: uint64(len(b)), Limit: MaxDatagram}
	}
	return c.Conn.Write(b)
}

// Close ends the association and closes the socket.
func (c *clientConn) Close() error {
	return errors.Join(c.Conn.Close(), ignoreClosed(c.raw.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func setReadBuffer(conn any, bytes int) error {
	if b, ok := conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		return b.SetReadBuffer(bytes)
	}
	return nil
}
