package dissect

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"strings"
)

// Types of handshake messages (RFC 8446, section 4; RFC 5246, section 7.4).
const (
	tlsClientHello = 1
	tlsServerHello = 2
	tlsCertificate = 11
)

var tlsMessages = map[byte]string{
	0: "HelloRequest", tlsClientHello: "ClientHello", tlsServerHello: "ServerHello", 3: "HelloVerifyRequest", 4: "NewSessionTicket", 5: "EndOfEarlyData",
	8: "EncryptedExtensions", tlsCertificate: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone",
	15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished", 22: "CertificateStatus", 24: "KeyUpdate",
}

var tlsMeanings = map[byte]string{
	tlsClientHello: "The client says which versions and ciphers it can, and, still readable for all on the way, which site it wants.",
	tlsServerHello: "The server picks version and cipher, and sends its half of the key exchange.",
	3:              "The server sends a cookie back, so that nobody can make it work with an address that is not his.",
	4:              "The server hands out a ticket, with which the next connection starts faster.",
	tlsCertificate: "Who the server, or the client, claims to be, signed by somebody whom the other side trusts.",
	12:             "The server's half of the key exchange, signed with its certificate's key.",
	14:             "The server has said all; it is the client's turn.",
	16:             "The client's half of the key exchange: both can now compute the same keys.",
	20:             "The first encrypted message: proof that both saw the same handshake.",
}

// reader takes values off a message, until one does not fit; then it is bad,
// and all further values are zero.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b)-r.at {
		r.bad = true
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

// number reads a big-endian number of n bytes.
func (r *reader) number(n int) (v int) {
	for _, c := range r.take(n) {
		v = v<<8 | int(c)
	}
	return v
}

// vector reads bytes with their number in front, in n bytes.
func (r *reader) vector(n int) []byte { return r.take(r.number(n)) }

// rest reports whether there is more to read.
func (r *reader) rest() bool { return !r.bad && r.at < len(r.b) }

// handshake reads a whole message, its type and length in front.
func (s *tlsSide) handshake(b []byte) (sheet, string) {
	name, meaning := tlsMessageText(b[0])
	l := head("TLS "+name, osiSession, 0, len(b), meaning,
		Field{"type", fmt.Sprintf("%d (%s)", b[0], name), 0, 1},
		Field{"length", fmt.Sprintf("%d bytes", len(b)-4), 1, 4})
	r := &reader{b: b, at: 4}
	what := name + s.message(&l, r, b[0], false)
	if r.bad {
		l.Fields = append(l.Fields, Field{"fault", "its lengths contradict each other", 4, len(b)})
	}
	return l, what
}

// tlsMessageText names a kind of message, and says what it is for.
func tlsMessageText(kind byte) (name, meaning string) {
	if name = tlsMessages[kind]; name == "" {
		name = fmt.Sprintf("message %d", kind)
	}
	if meaning = tlsMeanings[kind]; meaning == "" {
		meaning = "A step of the handshake that opens the session."
	}
	return name, meaning
}

// message reads what a message holds behind its head. It returns which site
// it is for, where that is told.
func (s *tlsSide) message(l *sheet, r *reader, kind byte, datagrams bool) string {
	switch kind {
	case tlsClientHello:
		if site := s.clientHello(l, r, datagrams); site != "" {
			return " for " + site
		}
	case tlsServerHello:
		s.serverHello(l, r)
	case tlsCertificate:
		certificates(l, r)
	}
	return ""
}

// field appends what was read since from.
func (r *reader) field(l *sheet, from int, name, value string) {
	if !r.bad {
		l.Fields = append(l.Fields, Field{name, value, from, r.at})
	}
}

// clientHello reads RFC 8446, section 4.1.2, and with a cookie RFC 6347,
// section 4.2.1.
func (s *tlsSide) clientHello(l *sheet, r *reader, cookie bool) (site string) {
	at := r.at
	r.field(l, at, "version", tlsVersion(uint16(r.number(2)))+", for those who know no newer")
	at = r.at
	r.field(l, at, "random", fmt.Sprintf("%x", r.take(32)))
	at = r.at
	r.field(l, at, "session", hexOrNone(r.vector(1)))
	if cookie {
		at = r.at
		r.field(l, at, "cookie", hexOrNone(r.vector(1)))
	}
	at = r.at
	r.field(l, at, "ciphers", cipherNames(r.vector(2)))
	at = r.at
	r.field(l, at, "compression", fmt.Sprintf("%x", r.vector(1)))
	return s.extensions(l, r, false)
}

func hexOrNone(b []byte) string {
	if len(b) == 0 {
		return "none"
	}
	return fmt.Sprintf("%x", b[:min(len(b), 32)])
}

// greased reports whether a value is one of those that mean nothing, sent so
// that servers learn to pass over what they do not know (RFC 8701).
func greased(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// tlsCiphers names what crypto/tls does not know (IANA's "TLS Cipher
// Suites").
var tlsCiphers = map[uint16]string{
	0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", 0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", 0x003d: "TLS_RSA_WITH_AES_256_CBC_SHA256",
	0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006b: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", 0x009e: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
	0x009f: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", 0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x1304: "TLS_AES_128_CCM_SHA256",
	0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", 0xc028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", 0xccaa: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

func cipherName(v uint16) string {
	name := tlsCiphers[v]
	if name == "" {
		name = tls.CipherSuiteName(v)
	}
	if strings.HasPrefix(name, "0x") {
		return name + " (no name known here)"
	}
	return fmt.Sprintf("%s (%#04x)", name, v)
}

func cipherNames(b []byte) string {
	const shown = 4
	n := len(b) / 2
	var names []string
	for ; len(b) >= 2 && len(names) < shown; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !greased(v) {
			names = append(names, cipherName(v))
		}
	}
	if n > len(names) {
		names = append(names, "…")
	}
	return fmt.Sprintf("%d: %s", n, strings.Join(names, ", "))
}

// retryRandom marks a ServerHello that asks for another ClientHello
// (RFC 8446, section 4.1.3).
var retryRandom = []byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// serverHello reads RFC 8446, section 4.1.3, and learns what was agreed on.
func (s *tlsSide) serverHello(l *sheet, r *reader) {
	at := r.at
	version := uint16(r.number(2))
	r.field(l, at, "version", tlsVersion(version))
	at = r.at
	random := r.take(32)
	r.field(l, at, "random", fmt.Sprintf("%x", random))
	if bytes.Equal(random, retryRandom) {
		l.Meaning = "The server cannot use the key that the client has sent, and asks for another ClientHello."
	}
	at = r.at
	r.field(l, at, "session", hexOrNone(r.vector(1)))
	at = r.at
	cipher := uint16(r.number(2))
	r.field(l, at, "cipher", cipherName(cipher))
	r.number(1)
	if !r.bad {
		s.session.version, s.session.cipher = version, cipher
	}
	s.extensions(l, r, true)
}

// Extensions (IANA's "TLS ExtensionType Values").
const (
	tlsServerName = 0
	tlsGroups     = 10
	tlsALPN       = 16
	tlsVersionsOf = 43
	tlsKeyShare   = 51
)

var tlsExtensions = map[int]string{
	tlsServerName: "server name", 5: "certificate status", tlsGroups: "groups", 11: "point formats", 13: "signature algorithms", tlsALPN: "ALPN", 18: "certificate timestamps",
	21: "padding", 22: "encrypt then MAC", 23: "extended master secret", 27: "certificate compression", 28: "record size limit", 35: "session ticket",
	41: "pre-shared key", 42: "early data", tlsVersionsOf: "versions", 44: "cookie", 45: "key exchange modes", 50: "certificate signatures",
	49: "authentication later", tlsKeyShare: "key share", 57: "QUIC parameters", 65037: "encrypted hello", 65281: "renegotiation",
}

// extensions reads what clients and servers can beyond the fixed fields, and
// returns the site's name if it is there.
func (s *tlsSide) extensions(l *sheet, r *reader, server bool) (site string) {
	if !r.rest() {
		return ""
	}
	end := r.number(2) + r.at
	var others []string
	begin := r.at
	for r.at < end && r.rest() {
		at := r.at
		kind := r.number(2)
		b := r.vector(2)
		switch x := (&reader{b: b}); {
		case kind == tlsServerName && len(b) > 0:
			x.number(3) // length of the list, kind of name
			site = text(x.vector(2))
			r.field(l, at, "server name", site)
		case kind == tlsALPN:
			x.number(2)
			var names []string
			for x.rest() {
				names = append(names, text(x.vector(1)))
			}
			r.field(l, at, "ALPN", text(strings.Join(names, ", ")))
		case kind == tlsVersionsOf:
			r.field(l, at, "versions", s.versions(x, server))
		case kind == tlsGroups:
			r.field(l, at, "groups", groupNames(x.vector(2)))
		case kind == tlsKeyShare && server:
			r.field(l, at, "key share", groupNames(b[:min(len(b), 2)]))
		case greased(uint16(kind)):
			others = append(others, "one that means nothing (GREASE)")
		case tlsExtensions[kind] != "":
			others = append(others, tlsExtensions[kind])
		default:
			others = append(others, fmt.Sprint(kind))
		}
	}
	if len(others) > 0 {
		r.field(l, begin, "more extensions", text(strings.Join(others, ", ")))
	}
	return site
}

func (s *tlsSide) versions(x *reader, server bool) string {
	if server {
		v := uint16(x.number(2))
		if !x.bad {
			s.session.version = v
		}
		return tlsVersion(v) + ", which is used"
	}
	var names []string
	b := x.vector(1)
	for ; len(b) >= 2; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !greased(v) {
			names = append(names, tlsVersion(v))
		}
	}
	return text(strings.Join(names, ", "))
}

// tlsGroupNames names what crypto/tls does not know (IANA's "TLS Supported
// Groups").
var tlsGroupNames = map[uint16]string{30: "X448", 256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192"}

func groupNames(b []byte) string {
	var names []string
	for ; len(b) >= 2 && len(names) < 8; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !greased(v) {
			name := tlsGroupNames[v]
			if name == "" {
				name = tls.CurveID(v).String()
			}
			names = append(names, fmt.Sprintf("%s (%#04x)", name, v))
		}
	}
	return strings.Join(names, ", ")
}

// certificates reads RFC 5246, section 7.4.2; in TLS 1.3 they are encrypted.
func certificates(l *sheet, r *reader) {
	end := r.number(3) + r.at
	for n := 0; r.at < end && r.rest() && n < 8; n++ {
		at := r.at
		der := r.vector(3)
		value := fmt.Sprintf("%d bytes", len(der))
		if c, err := x509.ParseCertificate(der); err == nil {
			value = fmt.Sprintf("of %s, by %s, until %s", c.Subject, c.Issuer, c.NotAfter.UTC().Format("2006-01-02"))
			if len(c.DNSNames) > 0 {
				value += ", for " + strings.Join(c.DNSNames, ", ")
			}
		}
		r.field(l, at, "certificate", text(value))
	}
}
