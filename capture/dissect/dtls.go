package dissect

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

const (
	dtlsHeaderBytes    = 13 // RFC 6347, section 4.1
	dtlsHandshakeBytes = 12 // RFC 6347, section 4.2.2
)

// readDTLS reads a datagram of whole DTLS records (RFC 6347, section 4.1).
func readDTLS(b []byte) (sheets []sheet, name string, ok bool) {
	for at := 0; at < len(b); {
		rest := b[at:]
		if len(rest) > 0 && rest[0] == dtlsNamed {
			record, size := dtlsNamedRecord(rest)
			if size == 0 {
				return nil, "", false
			}
			sheets = append(sheets, shift(record, at)...)
			name = cmp.Or(name, "DTLS encrypted record with a connection ID")
			at += size
			continue
		}
		if len(rest) < dtlsHeaderBytes || tlsTypes[rest[0]] == "" || rest[1] != 0xfe || rest[2] != 0xff && rest[2] != 0xfd {
			return nil, "", false
		}
		size := dtlsHeaderBytes + int(binary.BigEndian.Uint16(rest[11:]))
		if size > len(rest) || size == dtlsHeaderBytes {
			return nil, "", false
		}
		record, what := dtlsRecord(rest[:size])
		sheets = append(sheets, shift(record, at)...)
		if name == "" {
			name = what
		}
		at += size
	}
	return sheets, name, len(b) > 0
}

func dtlsRecord(b []byte) ([]sheet, string) {
	kind, epoch := b[0], binary.BigEndian.Uint16(b[3:])
	header := head("DTLS record", osiPresentation, 0, dtlsHeaderBytes,
		"TLS for datagrams: each record has a number, since none may rely on the one before it having come.",
		Field{"content", fmt.Sprintf("%d (%s)", kind, tlsTypes[kind]), 0, 1},
		Field{"version", tlsVersion(binary.BigEndian.Uint16(b[1:])), 1, 3},
		Field{"epoch", fmt.Sprintf("%d, counts the keys", epoch), 3, 5},
		Field{"number", fmt.Sprint(binary.BigEndian.Uint64(b[3:]) & (1<<48 - 1)), 5, 11},
		Field{"length", fmt.Sprintf("%d bytes", len(b)-dtlsHeaderBytes), 11, 13})
	body := b[dtlsHeaderBytes:]
	session := &tlsSession{}
	switch {
	case epoch > 0:
		s := &tlsSide{session: session}
		sheets, name := s.sealed(b, header, dtlsHeaderBytes)
		return sheets, "D" + name
	case kind == tlsAlert && len(body) == 2:
		l, name := tlsAlertSheet(body)
		return append([]sheet{header}, shift([]sheet{l}, dtlsHeaderBytes)...), "D" + name
	case kind == tlsHandshake && len(body) >= dtlsHandshakeBytes:
		l, name := dtlsHandshake(session, body)
		return append([]sheet{header}, shift([]sheet{l}, dtlsHeaderBytes)...), name
	}
	return []sheet{header, content("DTLS "+tlsTypes[kind], osiSession, dtlsHeaderBytes, len(b), "What the two sides of the session tell each other.")}, "DTLS " + tlsTypes[kind]
}

// dtlsHandshake reads a handshake message, or the piece of it that is here.
func dtlsHandshake(session *tlsSession, b []byte) (sheet, string) {
	r := &reader{b: b, at: 1}
	size := r.number(3)
	number, from, here := r.number(2), r.number(3), r.number(3)
	name, meaning := tlsMessageText(b[0])
	l := head("DTLS "+name, osiSession, 0, len(b), meaning,
		Field{"type", fmt.Sprintf("%d (%s)", b[0], name), 0, 1},
		Field{"length", fmt.Sprintf("%d bytes", size), 1, 4},
		Field{"number", fmt.Sprint(number), 4, 6},
		Field{"piece", fmt.Sprintf("%d bytes from %d on", here, from), 6, 12})
	what := "DTLS " + name
	if from != 0 || here != size || len(b) < dtlsHandshakeBytes+size {
		return l, what + ", a piece"
	}
	s := &tlsSide{session: session}
	r.b = b[:dtlsHandshakeBytes+size]
	return l, what + s.message(&l, r, b[0], true)
}
