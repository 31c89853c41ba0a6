package dissect

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

const (
	tlsHeaderBytes = 5
	tlsMaxRecord   = 1<<14 + 2048 // RFC 5246, section 6.2.3; RFC 8446 allows less
	tlsMaxMessage  = 256 << 10    // a handshake message that is put together from records
)

// Types of records (RFC 8446, section 5.1).
const (
	tlsChange      = 20
	tlsAlert       = 21
	tlsHandshake   = 22
	tlsApplication = 23
	tlsHeartbeat   = 24
)

var tlsTypes = map[byte]string{
	tlsChange: "change cipher spec", tlsAlert: "alert", tlsHandshake: "handshake", tlsApplication: "application data", tlsHeartbeat: "heartbeat",
}

const (
	tls12 = 0x0303
	tls13 = 0x0304
)

var tlsVersions = map[uint16]string{
	0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", tls12: "TLS 1.2", tls13: "TLS 1.3", 0xfeff: "DTLS 1.0", 0xfefd: "DTLS 1.2", 0xfefc: "DTLS 1.3",
}

func tlsVersion(v uint16) string {
	if s := tlsVersions[v]; s != "" {
		return fmt.Sprintf("%s (%#04x)", s, v)
	}
	return fmt.Sprintf("%#04x", v)
}

// tlsLooksRight reports whether b, at least a record's header long, begins
// one.
func tlsLooksRight(b []byte) bool {
	n := int(binary.BigEndian.Uint16(b[3:]))
	return tlsTypes[b[0]] != "" && b[1] == 3 && b[2] <= 4 && n <= tlsMaxRecord && (n > 0 || b[0] == tlsApplication)
}

// tlsSession is what both sides have agreed on, as far as it could be seen.
type tlsSession struct {
	version, cipher uint16 // 0: not seen
}

// tlsSide is what one side of a session has said so far.
type tlsSide struct {
	session   *tlsSession
	encrypted bool
	pending   []byte // a handshake message of which more records come
	begun     int    // records in pending
}

// tlsMeaning says why encryption fits no single layer of the model.
const tlsMeaning = "Cuts the stream into records and hides them; OSI calls that presentation, but TLS is a piece of its own between TCP and the application, for the model is only a model."

// record reads a whole record. Its content is readable until both sides have
// agreed on keys.
func (s *tlsSide) record(b []byte) ([]sheet, string) {
	kind, version := b[0], binary.BigEndian.Uint16(b[1:])
	header := head("TLS record", osiPresentation, 0, tlsHeaderBytes, tlsMeaning,
		Field{"content", fmt.Sprintf("%d (%s)", kind, tlsTypes[kind]), 0, 1},
		Field{"version", tlsVersion(version), 1, 3},
		Field{"length", fmt.Sprintf("%d bytes", len(b)-tlsHeaderBytes), 3, 5})
	switch {
	case kind == tlsChange:
		s.encrypted = true
		return []sheet{header, head("TLS change cipher", osiSession, tlsHeaderBytes, len(b),
			"From here on this side encrypts; in TLS 1.3 it says nothing, and is there so that old devices on the way believe in TLS 1.2.")}, "TLS change cipher spec"
	case kind == tlsApplication || s.encrypted:
		return s.sealed(b, header, tlsHeaderBytes)
	case kind == tlsAlert && len(b) == tlsHeaderBytes+2:
		l, name := tlsAlertSheet(b[tlsHeaderBytes:])
		return append([]sheet{header}, shift([]sheet{l}, tlsHeaderBytes)...), name
	case kind == tlsHandshake:
		sheets, name := s.handshakes(b)
		return append([]sheet{header}, sheets...), name
	}
	return []sheet{header, content("TLS "+tlsTypes[kind], osiSession, tlsHeaderBytes, len(b), "What the two sides of the session tell each other.")}, "TLS " + tlsTypes[kind]
}

// tagBytes is the proof at the end of a record, in all ciphers that TLS 1.3
// and browsers still allow (RFC 8446, section 5.2; RFC 5288).
const tagBytes = 16

// sealed shows an encrypted record: how much of it is not the user's, as far
// as the cipher tells.
func (s *tlsSide) sealed(b []byte, header sheet, from int) ([]sheet, string) {
	name := "TLS encrypted " + tlsTypes[b[0]]
	to := len(b)
	nonce, tag, inner := s.session.overhead()
	if to-from < nonce+tag+inner {
		nonce, tag, inner = 0, 0, 0
	}
	if nonce > 0 {
		header.Fields = append(header.Fields, Field{"nonce", fmt.Sprintf("%x, used only once", b[from:from+nonce]), from, from + nonce})
		header.To, header.over = from+nonce, []span{{0, from + nonce}}
		from += nonce
	}
	if tag > 0 {
		header.Fields = append(header.Fields, Field{"proof", fmt.Sprintf("%x, that nobody changed the record", b[to-tag:]), to - tag, to})
		header.over = append(header.over, span{to - tag, to})
		to -= tag
	}
	l := content("encrypted data", osiApplication, from, to, fmt.Sprintf("%d bytes that only the two ends can read; the network sees no more than their number.", to-from))
	if b[0] != tlsApplication {
		l.Name, l.OSI, l.over = "encrypted "+tlsTypes[b[0]], osiSession, []span{{from, to}}
	}
	if inner > 0 { // at the end of the ciphertext, so no byte of it can be named
		l.Fields = append(l.Fields, Field{"real type", fmt.Sprintf("the last byte, and padding before it if there is any; so %d bytes or fewer are the user's", to-from-inner), from, to})
	}
	return []sheet{header, l}, name
}

// overhead returns the bytes that the cipher spends on a record: before the
// ciphertext, after it, and within it. All are 0 if that was not seen.
func (s *tlsSession) overhead() (nonce, tag, inner int) {
	switch c := s.cipher; {
	case s.version == tls13:
		return 0, tagBytes, 1 // RFC 8446, section 5.2
	case c >= 0xcca8 && c <= 0xccae: // ChaCha20-Poly1305, RFC 7905
		return 0, tagBytes, 0
	case c >= 0x9c && c <= 0xa7 || c >= 0xc02b && c <= 0xc032: // GCM, RFC 5288 and RFC 5289
		return 8, tagBytes, 0
	}
	return 0, 0, 0
}

var tlsAlerts = map[byte]string{
	0: "close notify", 10: "unexpected message", 20: "bad record MAC", 22: "record overflow", 40: "handshake failure", 42: "bad certificate",
	43: "unsupported certificate", 44: "certificate revoked", 45: "certificate expired", 46: "certificate unknown", 47: "illegal parameter", 48: "unknown CA",
	49: "access denied", 50: "decode error", 51: "decrypt error", 70: "protocol version", 71: "insufficient security", 80: "internal error",
	86: "inappropriate fallback", 90: "user canceled", 109: "missing extension", 110: "unsupported extension", 112: "unrecognized name", 116: "certificate required",
	120: "no application protocol",
}

// tlsAlertSheet reads an alert (RFC 8446, section 6).
func tlsAlertSheet(b []byte) (sheet, string) {
	what := tlsAlerts[b[1]]
	if what == "" {
		what = "unknown alert"
	}
	level := map[byte]string{1: "warning", 2: "fatal"}[b[0]]
	meaning := fmt.Sprintf("One side ends the session: %s.", what)
	if b[1] == 0 {
		meaning = "One side has no more to say and ends its half of the session, so that nobody can cut it short unseen."
	}
	return head("TLS alert", osiSession, 0, 2, meaning,
		Field{"level", fmt.Sprintf("%d (%s)", b[0], level), 0, 1},
		Field{"alert", fmt.Sprintf("%d (%s)", b[1], what), 1, 2}), "TLS alert, " + what
}

// handshakes reads the handshake messages that a record completes; one may
// have begun in records before (RFC 8446, section 5.1).
func (s *tlsSide) handshakes(b []byte) (sheets []sheet, name string) {
	before := len(s.pending)
	all := append(s.pending, b[tlsHeaderBytes:]...)
	place := func(i int) int { return max(tlsHeaderBytes+i-before, tlsHeaderBytes) }
	at := 0
	for len(all)-at >= 4 {
		size := 4 + int(binary.BigEndian.Uint32(all[at:])&0xffffff)
		if len(all)-at < size {
			break
		}
		l, what := s.handshake(all[at : at+size])
		for i := range l.Fields {
			l.Fields[i].From, l.Fields[i].To = place(at+l.Fields[i].From), place(at+l.Fields[i].To)
		}
		l.From, l.To = place(at), place(at+size)
		l.over = []span{{l.From, l.To}}
		if at < before {
			l.Fields = append([]Field{{"begun", fmt.Sprintf("in %d records before this one", s.begun), l.From, l.To}}, l.Fields...)
		}
		sheets = append(sheets, l)
		name += ", " + what
		at += size
	}
	if at >= before {
		s.begun = 0
	}
	rest := all[at:]
	if len(rest) > 0 {
		s.begun++
		name += ", a part of a message"
		sheets = append(sheets, head("TLS handshake", osiSession, place(at), len(b), "A part of a handshake message that takes several records."))
	}
	if len(rest) > tlsMaxMessage {
		rest = nil
	}
	if s.pending = all; at > 0 || len(rest) == 0 { // else the message only grew
		s.pending = slices.Clone(rest)
	}
	return sheets, "TLS " + strings.TrimPrefix(name, ", ")
}
