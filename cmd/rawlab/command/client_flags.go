package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/pflag"

	"rawlab/internal/access"
	"rawlab/internal/queue/edge"
	"rawlab/tcpq"
	"rawlab/udpq"
)

// clientFlags are how a client shows who it is, and knows whom it talks to.
type clientFlags struct {
	tokenFile   string
	ca          string
	fingerprint string
	insecure    bool
	pskFile     string
	reconnect   bool
	reliability string
	unordered   bool
	pace        paceFlags
	congestion  udpq.Congestion
	pack        packValue
	fragments   string
	notes       io.Writer // where lost connections are told
}

func (f *clientFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.tokenFile, "token-file", "", "the server knows you by the token in this `file` (default: in $"+access.TokenEnv+", if it is set)")
	s.StringVar(&f.ca, "tls-ca", "", "tls://, udps://: believe servers that a root in this PEM `file` vouches for, not the system's")
	s.StringVar(&f.fingerprint, "tls-fingerprint", "", "tls://, udps://: believe the certificate with this `SHA-256`, whoever signed it")
	s.BoolVar(&f.insecure, "tls-insecure", false, "tls://, udps://: believe whoever answers")
	s.StringVar(&f.pskFile, "psk-file", "", "udps://: the server and you know each other by the identity and key in this `file`, not by a certificate")
	s.BoolVar(&f.reconnect, "reconnect", false, "when the connection breaks or the server stops, connect again and go on; what was not acknowledged is emitted once more")
	s.StringVar(&f.reliability, "reliability", "none", "udp://: 'ack' sends each event again until it is acknowledged, 'nack' while it is kept if it is asked for, 'fec' once with parity that repairs (8+2, or as in 'fec:4+2' or 'fec:8+2x4'), 'none' once")
	s.StringVar(&f.fragments, "fragments", "own", "udp://: who cuts an event that is larger than a datagram: 'own' this program, 'ip' the kernel")
	registerCongestion(s, "congestion", &f.congestion, "udp:// with --reliability ack")
	f.pack.register(s, "gather events over udp:// into datagrams")
	f.pace.register(s, "over udp://")
	s.BoolVar(&f.unordered, "unordered", false, "with --reliability, deliver events as they come, not in order")
}

// token returns the client's token, nil if it has none.
func (f *clientFlags) token() ([]byte, error) { return access.ReadToken(f.tokenFile) }

// tls returns how to speak TLS to a server, nil if it is not spoken.
func (f *clientFlags) tls(server endpoint) (*tls.Config, error) {
	if !server.secure {
		if f.ca != "" || f.fingerprint != "" || f.insecure {
			return nil, usagef("%s is not encrypted, so --tls-ca, --tls-fingerprint and --tls-insecure mean nothing; say %s://%s", server, endpoint{server.transport, true, ""}.scheme(), server.address)
		}
		return nil, nil
	}
	trust := access.Trust{CA: f.ca, Insecure: f.insecure}
	if f.fingerprint != "" {
		pin, err := access.ParseFingerprint(f.fingerprint)
		if err != nil {
			return nil, usagef("--tls-fingerprint: %w", err)
		}
		trust.Fingerprint = &pin
	}
	host, _, err := net.SplitHostPort(server.address)
	if err != nil {
		return nil, err
	}
	return trust.ClientConfig(host)
}

// overUDP returns what a client over UDP is to be.
func (f *clientFlags) overUDP(server endpoint, config *tcpq.ClientConfig) (*udpq.ClientConfig, error) {
	reliability, err := udpq.ParseReliability(f.reliability)
	switch {
	case err != nil:
		return nil, usagef("--reliability: %w", err)
	case f.unordered && reliability == udpq.ReliabilityNone:
		return nil, usagef("--unordered is how what is sent again or repaired is delivered: add --reliability ack, nack or fec")
	case f.unordered && f.reconnect:
		return nil, usagef("--reconnect: %w; leave out --unordered", udpq.ErrUnordered)
	}
	fragments, err := udpq.ParseFragments(f.fragments)
	if err != nil {
		return nil, usagef("--fragments: %w", err)
	}
	if err := errors.Join(f.pace.check(), checkCongestion(f.congestion, reliability)); err != nil {
		return nil, err
	}
	c := &udpq.ClientConfig{
		Name: config.Name, Token: config.Token, Report: config.Report, KeepAlive: keepAlive, Reliability: reliability, Unordered: f.unordered,
		Fragments: fragments, Pace: f.pace.pace(), Congestion: f.congestion, PackBudget: int(f.pack), OnReceipt: config.OnReceipt, OnLost: config.OnLost, Deduplicate: config.Deduplicate,
	}
	if server.secure {
		err = f.encrypt(c, config.TLS)
	}
	return c, err
}

// acknowledges reports whether a server tells its clients what it has.
func (f *clientFlags) acknowledges(server endpoint) bool {
	return server.transport == "tcp" || f.acknowledgesUDP()
}

func (f *clientFlags) acknowledgesUDP() bool { return f.reliability == string(udpq.ReliabilityAck) }

// repairsUDP reports whether something is done for events that the wire loses.
func (f *clientFlags) repairsUDP() bool { return f.reliability != string(udpq.ReliabilityNone) }

// dial connects over TCP, for as long as the connection holds or, with
// --reconnect, until the user ends it.
func (f *clientFlags) dial(ctx context.Context, address string, config *tcpq.ClientConfig) (client, error) {
	if !f.reconnect {
		return orNil(tcpq.Dial(ctx, address, config))
	}
	return orNil(tcpq.DialReconnecting(ctx, address, &tcpq.ReconnectConfig{ClientConfig: *config, Again: f.again()}))
}

// dialUDP is dial over UDP.
func (f *clientFlags) dialUDP(ctx context.Context, address string, config *udpq.ClientConfig) (client, error) {
	if !f.reconnect {
		return orNil(udpq.Dial(ctx, address, config))
	}
	return orNil(udpq.DialReconnecting(ctx, address, &udpq.ReconnectConfig{ClientConfig: *config, Again: f.again()}))
}

// again tells the user of lost connections.
func (f *clientFlags) again() edge.Again {
	return edge.Again{
		OnDisconnect: func(err error, retryIn time.Duration) {
			fmt.Fprintf(f.notes, "rawlab: no connection: %v; trying again in %v\n", err, retryIn.Round(time.Millisecond))
		},
		OnReconnect: func(outage time.Duration) {
			fmt.Fprintf(f.notes, "rawlab: connected again after %v\n", outage.Round(time.Millisecond))
		},
	}
}
