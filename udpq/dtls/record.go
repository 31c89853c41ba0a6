package dtls

import (
	"encoding/binary"
	"net"
	"time"

	"rawlab/framing"
)

// record is what a datagram begins with.
type record uint8

const (
	noRecord record = iota
	someRecord
	clientHello // of epoch 0: it may be the first of a handshake
	named       // it bears a connection ID, see placeID
	namedAlert  // the same, not encrypted: a client gives up its handshake
)

// Content types (RFC 6347 section 4.1, RFC 5246 section 6.2.1) and others of
// their numbers.
const (
	recordBytes     = 13
	firstType       = 20 // change_cipher_spec
	alertType       = 21
	handshakeType   = 22
	lastType        = 23 // application_data
	namedType       = 25 // tls12_cid (RFC 9146 section 4)
	versionMajor    = 254
	clientHelloType = 1 // RFC 6347 section 4.3.2
)

// identify tells what a datagram begins with, and of which epoch it is.
func identify(b []byte) (kind record, epoch uint16) {
	if len(b) > recordBytes+IDBytes && b[0] == namedType && b[1] == versionMajor {
		if epoch = binary.BigEndian.Uint16(b[3:]); epoch > 0 {
			return named, epoch
		}
		if len(b) == namedAlertBytes && b[namedAlertBytes-1] == alertType {
			return namedAlert, 0
		}
		return noRecord, 0 // nothing else is named but what is encrypted
	}
	if len(b) <= recordBytes || b[0] < firstType || b[0] > lastType || b[1] != versionMajor {
		return noRecord, 0
	}
	epoch = binary.BigEndian.Uint16(b[3:])
	if b[0] == handshakeType && epoch == 0 && b[recordBytes] == clientHelloType {
		return clientHello, 0
	}
	return someRecord, epoch
}

// namedAlertBytes is a record with a connection ID around an alert of level and
// description, and its type behind them (RFC 9146 section 4).
const namedAlertBytes = recordBytes + IDBytes + 2 + 1

// unnamed returns an alert of epoch 0 as one without a connection ID. Clients of
// the library name theirs from the ServerHello on; it does not read them.
func unnamed(alert []byte) []byte {
	plain := append([]byte{alertType}, alert[1:placeID]...)
	plain = append(plain, 0, 2) // bytes that follow
	return append(plain, alert[namedAlertBytes-3:namedAlertBytes-1]...)
}

// UseDTLS is what a client is told that speaks none. It fits where its hello did.
const UseDTLS = "use udps://"

const tellInterval = time.Millisecond

// tell answers the hello of a client that speaks no DTLS, in no more bytes than
// came, and at a bounded rate. It is pump's.
func (s *Socket) tell(b []byte, to net.Addr) {
	f, _, err := framing.Parse(b, len(b))
	now := s.config.Clock.Now()
	if err != nil || f.Kind != framing.KindHello || f.Flags&framing.FlagCRC == 0 || now.Sub(s.lastWords) < tellInterval {
		return
	}
	s.lastWords = now
	answer := framing.Frame{
		Kind: framing.KindError, Flags: framing.FlagCRC, Code: framing.CodeUnauthorized, Sequence: f.Sequence, Payload: []byte(UseDTLS),
	}
	if answer.Size() > len(b) {
		return
	}
	if out, err := answer.Append(nil); err == nil {
		s.under.WriteTo(out, to) // lost as easily as any datagram
	}
}
