package command

import (
	"crypto/tls"
	"fmt"

	"rawlab/internal/access"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// checkPSK refuses a key where none is asked for, or beside what else would
// tell whom to believe.
func (f *clientFlags) checkPSK(server endpoint) error {
	switch {
	case f.pskFile == "":
		return nil
	case server.transport != "udp" || !server.secure:
		return usagef("%s: --psk-file is for udps://%s", server, server.address)
	case f.ca != "" || f.fingerprint != "" || f.insecure:
		return usagef("--psk-file and --tls-ca, --tls-fingerprint or --tls-insecure: with a key of both, the server shows no certificate; choose one")
	}
	return nil
}

// encrypt lets a client over UDP speak DTLS.
func (f *clientFlags) encrypt(c *udpq.ClientConfig, trust *tls.Config) error {
	if c.Fragments == udpq.FragmentsIP {
		return usagef("--fragments ip: a record of DTLS carries %d bytes at most, so this program cuts what is larger; leave it out", dtls.MaxDatagram)
	}
	if err := f.pack.checkDTLS(); err != nil {
		return err
	}
	d := dtls.ClientConfig{TLS: trust}
	if f.pskFile != "" {
		keys, err := access.OpenKeys(f.pskFile)
		if err != nil {
			return fmt.Errorf("--psk-file: %w", err)
		}
		if d.Identity, d.PSK, err = keys.Only(); err != nil {
			return fmt.Errorf("--psk-file: %w", err)
		}
	}
	c.Dial, c.Datagram = d.Dial, dtls.Budget
	return nil
}
