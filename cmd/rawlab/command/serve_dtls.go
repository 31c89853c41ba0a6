package command

import (
	"crypto/tls"
	"fmt"

	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// dtlsConfig returns how the UDP door speaks DTLS, nil if it does not.
func (f *serveFlags) dtlsConfig(c *credentials) *dtls.Config {
	if !f.access.encrypts("udp") {
		return nil
	}
	config := &dtls.Config{
		SourceRate: f.limits.sourceRate, MaxAssociations: f.limits.connections, HandshakeTimeout: f.limits.handshake, IdleTimeout: f.limits.idle,
	}
	if c.certificate != nil {
		get := c.certificate.ServerConfig().GetCertificate
		config.Certificate = func() (*tls.Certificate, error) { return get(nil) }
	}
	if c.keys != nil {
		config.PSK = c.keys.Key
	}
	return config
}

// checkPack refuses datagrams that no record of DTLS could carry.
func (f *serveFlags) checkPack() error {
	if !f.access.encrypts("udp") {
		return nil
	}
	return f.limits.pack.checkDTLS()
}

// listenUDP opens the UDP door.
func (s *service) listenUDP(f *serveFlags) error {
	conn, err := udpq.Listen(f.udp)
	if err != nil {
		return listenError("--udp", f.udp, err)
	}
	s.socket = conn
	scheme := "udp"
	if config := f.dtlsConfig(&s.credentials); config != nil {
		config.Logger = s.log
		if s.dtls, err = dtls.Listen(conn, config); err != nil {
			return err
		}
		s.socket, scheme = s.dtls, "udps"
	}
	fmt.Fprintf(s.stderr, "rawlab: listening on %s://%s\n", scheme, s.socket.LocalAddr())
	return nil
}

// summarizeDTLS says what became of the handshakes.
func (s *service) summarizeDTLS() {
	if s.dtls == nil {
		return
	}
	st := s.dtls.Stats()
	fmt.Fprintf(s.stderr, "rawlab: dtls: %d handshakes, %d failed, %d refused; %d datagrams passed over, %d dropped\n", st.Established, st.Failed, st.Refused, st.Limited, st.Dropped)
}
