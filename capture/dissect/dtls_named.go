package dissect

import (
	"encoding/binary"
	"fmt"
)

const (
	dtlsNamed      = 25 // tls12_cid (RFC 9146, section 4)
	dtlsPlaceID    = 11 // behind type, version, epoch and number
	dtlsLongestID  = 255
	dtlsUsualID    = 8 // of rawlab's servers, and tried first
	dtlsLeastNamed = 1 // byte behind it: the real type
)

// dtlsNamedRecord reads a record with a connection ID, and returns how long it
// is, 0 if it is none. How long the ID is the record does not say, only the
// hellos did: it is of such a length that the record ends where its datagram
// does, or another one begins.
func dtlsNamedRecord(b []byte) ([]sheet, int) {
	if len(b) <= dtlsHeaderBytes || b[1] != 0xfe || b[2] != 0xfd || binary.BigEndian.Uint16(b[3:]) == 0 {
		return nil, 0
	}
	id, size := dtlsUsualID, dtlsNamedSize(b, dtlsUsualID)
	for n := 1; size == 0 && n <= dtlsLongestID; n++ {
		id, size = n, dtlsNamedSize(b, n)
	}
	if size == 0 {
		return nil, 0
	}
	at := dtlsPlaceID + id
	header := head("DTLS record", osiPresentation, 0, at+2,
		"A record that says by an ID which keys it is under, so that its sender's address may change. It is in the clear: who looks on can follow its sender too.",
		Field{"content", "25 (with a connection ID), the real type is encrypted", 0, 1},
		Field{"version", tlsVersion(binary.BigEndian.Uint16(b[1:])), 1, 3},
		Field{"epoch", fmt.Sprintf("%d, counts the keys", binary.BigEndian.Uint16(b[3:])), 3, 5},
		Field{"number", fmt.Sprint(binary.BigEndian.Uint64(b[3:]) & (1<<48 - 1)), 5, dtlsPlaceID},
		Field{"connection ID", fmt.Sprintf("%x", b[dtlsPlaceID:at]), dtlsPlaceID, at},
		Field{"length", fmt.Sprintf("%d bytes", size-at-2), at, at + 2})
	sheets, _ := (&tlsSide{session: &tlsSession{}}).sealed(b[:size], header, at+2)
	sheets[len(sheets)-1].Name = "encrypted data and its type"
	return sheets, size
}

// dtlsNamedSize is the length of the record if its ID has n bytes, 0 if it
// has not.
func dtlsNamedSize(b []byte, n int) int {
	at := dtlsPlaceID + n
	if len(b) < at+2 {
		return 0
	}
	length := int(binary.BigEndian.Uint16(b[at:]))
	size := at + 2 + length
	if length < dtlsLeastNamed || size != len(b) && (size+2 > len(b) || b[size] < tlsChange || b[size] > dtlsNamed || b[size+1] != 0xfe) {
		return 0
	}
	return size
}
