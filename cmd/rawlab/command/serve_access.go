package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"rawlab/internal/access"
	"rawlab/internal/clock"
)

// accessFlags say who may talk to a server.
type accessFlags struct {
	cert, key  string
	selfSigned bool
	tokens     string
	psk        string
	dtls       bool
	insecure   bool
}

func (f *accessFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.cert, "tls-cert", "", "speak TLS over TCP and DTLS over UDP with the certificate in this PEM `file`; read again when it changes")
	s.StringVar(&f.key, "tls-key", "", "the certificate's key, a PEM `file`")
	s.BoolVar(&f.selfSigned, "tls-self-signed", false, "speak TLS over TCP and DTLS over UDP with a certificate made here, which stays in --data; its fingerprint is printed")
	s.StringVar(&f.psk, "psk-file", "", "speak DTLS over UDP with clients that know a key in this `file`, a line 'IDENTITY KEY' each; read again when it changes")
	s.BoolVar(&f.dtls, "dtls", true, "speak DTLS over UDP if there is a certificate or --psk-file; --dtls=false keeps UDP as it is")
	s.StringVar(&f.tokens, "tokens", "", "who may emit and listen to what: a YAML `file`, read again when it changes; see 'rawlab token --help'")
	s.BoolVar(&f.insecure, "insecure", false, "listen beyond loopback without TLS or tokens, though anybody there may then emit and listen")
}

func (f *accessFlags) tls() bool { return f.cert != "" || f.selfSigned }

// encrypts reports whether a door's clients cannot be listened in on.
func (f *accessFlags) encrypts(transport string) bool {
	return f.tls() && transport == "tcp" || (f.tls() || f.psk != "") && f.dtls && transport == "udp"
}

func (f *accessFlags) check() error {
	switch {
	case (f.cert == "") != (f.key == ""):
		return usagef("--tls-cert and --tls-key belong together: the certificate and its key, both PEM files")
	case f.cert != "" && f.selfSigned:
		return usagef("--tls-self-signed makes a certificate: leave out --tls-cert, or it")
	case f.psk != "" && !f.dtls:
		return usagef("--psk-file is for DTLS: leave out --dtls=false, or it")
	}
	return nil
}

// checkAddress refuses what others could reach without being kept out.
func (f *accessFlags) checkAddress(transport, address string) error {
	if address == "" || f.insecure {
		return nil
	}
	local, err := isLoopback(address)
	if err != nil || local {
		return err
	}
	const end = "; add --insecure if that is wanted"
	switch {
	case transport == "metrics":
		return usagef("--metrics %s can be read from other machines, names of topics included"+end, address)
	case f.encrypts(transport) && f.tokens != "":
		return nil
	case f.encrypts(transport):
		return usagef("--%s %s can be reached from other machines, and anybody there could emit and listen; say who may with --tokens"+end, transport, address)
	case f.tokens != "" && transport == "udp":
		return usagef("--udp %s can be reached from other machines, and tokens and events could be read on the way; encrypt them with --tls-cert and --tls-key, --tls-self-signed or --psk-file"+end, address)
	case f.tokens != "":
		return usagef("--tcp %s can be reached from other machines, and tokens and events could be read on the way; encrypt them with --tls-cert and --tls-key, or --tls-self-signed"+end, address)
	}
	return usagef("--%s %s can be reached from other machines, and anybody there could emit and listen; use TLS and --tokens"+end, transport, address)
}

// credentials are the files behind accessFlags, in use.
type credentials struct {
	certificate *access.Certificate // nil: no TLS
	keyring     *access.Keyring     // nil: everybody may do everything
	path        string              // of the keyring
	keys        *access.Keys        // nil: no pre-shared keys
}

// open reads what the flags name, or makes it; folder is where a self-signed
// certificate stays, empty for nowhere.
func (f *accessFlags) open(folder string, addresses ...string) (c credentials, err error) {
	if f.tokens != "" {
		c.path = f.tokens
		if c.keyring, err = access.Open(f.tokens, nil); err != nil {
			return c, fmt.Errorf("--tokens: %w", err)
		}
	}
	if f.psk != "" {
		if c.keys, err = access.OpenKeys(f.psk); err != nil {
			return c, fmt.Errorf("--psk-file: %w", err)
		}
	}
	hosts := certificateHosts(addresses...)
	switch {
	case f.cert != "":
		c.certificate, err = access.OpenCertificate(f.cert, f.key)
	case f.selfSigned && folder != "":
		c.certificate, err = access.SelfSignedIn(folder, clock.Real.Now(), hosts...)
	case f.selfSigned:
		c.certificate, err = access.SelfSigned(clock.Real.Now(), hosts...)
	}
	return c, err
}

// certificateHosts returns the names and addresses that clients may use for
// this machine.
func certificateHosts(addresses ...string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		hosts = append(hosts, name)
	}
	for _, address := range addresses {
		if host, _, err := net.SplitHostPort(address); err == nil && host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// announce tells users what they need to know to connect.
func (c *credentials) announce(w io.Writer) {
	if c.certificate != nil {
		fmt.Fprintf(w, "rawlab: certificate SHA-256 %v\n", access.FingerprintOf(c.certificate.Leaf()))
	}
	if c.keys != nil {
		fmt.Fprintf(w, "rawlab: %s for DTLS\n", count(c.keys.Size(), "pre-shared key"))
	}
	if c.keyring != nil {
		fmt.Fprintf(w, "rawlab: %d tokens in %s\n", c.keyring.Size(), c.path)
	}
}

// watch reads the files again when they change, until ctx is done.
func (c *credentials) watch(ctx context.Context, log *slog.Logger) {
	var wg sync.WaitGroup
	report := func(said string, err error) {
		if err != nil {
			log.Error("a file changed and cannot be used", "err", err)
		} else {
			log.Info(said)
		}
	}
	if c.keyring != nil {
		wg.Go(func() { c.keyring.Watch(ctx, func(err error) { report("rights read again", err) }) })
	}
	if c.keys != nil {
		wg.Go(func() { c.keys.Watch(ctx, func(err error) { report("pre-shared keys read again", err) }) })
	}
	if c.certificate != nil {
		wg.Go(func() { c.certificate.Watch(ctx, func(err error) { report("certificate read again", err) }) })
	}
	wg.Wait()
}

// objection warns of a certificate that clients will not take.
func (c *credentials) objection(now time.Time) error {
	if c.certificate == nil || c.certificate.Objection(now) == "" {
		return nil
	}
	return errors.New("the certificate is " + c.certificate.Objection(now) + ": clients will refuse it unless they pin its fingerprint")
}
