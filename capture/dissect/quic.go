package dissect

import (
	"encoding/binary"
	"fmt"
)

// Versions of QUIC (RFC 9000, RFC 9369).
const (
	quicNegotiation = 0
	quicV1          = 1
	quicV2          = 0x6b3343cf
)

var quicTypes = [...]string{"Initial", "0-RTT", "Handshake", "Retry"}

// readQUIC reads the long headers that open a QUIC connection (RFC 9000,
// section 17.2; RFC 8999). What follows is encrypted, and so is, in all later
// packets, nearly the whole header.
func readQUIC(b []byte) (sheets []sheet, name string, ok bool) { return quicPackets(b, maxQUIC) }

// maxQUIC is how many packets of one datagram are told apart.
const maxQUIC = 8

func quicPackets(b []byte, most int) (sheets []sheet, name string, ok bool) {
	r := &reader{b: b}
	first, version := r.number(1), r.number(4)
	if r.bad || first&0x80 == 0 || version != quicV1 && version != quicV2 && version != quicNegotiation || first&0x40 == 0 && version != quicNegotiation {
		return nil, "", false
	}
	l := head("QUIC long header", osiTransport, 0, 0,
		"QUIC does TCP's and TLS's work in one, in user space and over UDP: the model has no layer for that, so it stands here at the fourth.")
	to, from := r.vector(1), 0
	at := r.at
	if len(to) > 20 {
		return nil, "", false
	}
	source := r.vector(1)
	if r.bad || len(source) > 20 {
		return nil, "", false
	}
	kind := first >> 4 & 3
	if version == quicV2 {
		kind = (kind + 3) % 4 // RFC 9369, section 3.2
	}
	what := quicTypes[kind]
	if version == quicNegotiation {
		what = "Version Negotiation"
	}
	l.Fields = []Field{
		{"type", what, 0, 1},
		{"version", fmt.Sprintf("%#08x", version), 1, 5},
		{"to", hexOrNone(to) + ", the receiver's name for the connection", 5, at},
		{"from", hexOrNone(source) + ", the sender's", at, r.at},
	}
	if version == quicNegotiation || what == "Retry" {
		l.To, l.over = r.at, []span{{from, r.at}}
		return []sheet{l, content("QUIC "+what, osiPresentation, r.at, len(b), "What the server answers before it keeps anything of the connection.")}, "QUIC " + what, true
	}
	if what == "Initial" {
		at = r.at
		r.field(&l, at, "token", hexOrNone(r.take(r.varint())))
	}
	at = r.at
	size := r.varint()
	r.field(&l, at, "length", fmt.Sprintf("%d bytes follow, number and proof included", size))
	if r.bad || size > len(b)-r.at {
		return nil, "", false
	}
	l.To, l.over = r.at, []span{{from, r.at}}
	end := r.at + size
	sheets = []sheet{l, content("encrypted data", osiPresentation, r.at, end, "A part of TLS's handshake, or already data, encrypted by QUIC itself.")}
	if end < len(b) {
		var more []sheet
		if most > 1 {
			more, _, ok = quicPackets(b[end:], most-1)
		}
		if most <= 1 || !ok {
			more = []sheet{content("more QUIC", osiPresentation, 0, len(b)-end, "Another packet of the connection in the same datagram, or filling.")}
		}
		sheets = append(sheets, shift(more, end)...)
	}
	return sheets, "QUIC " + what, true
}

// varint reads a number whose first two bits tell its size (RFC 9000,
// section 16).
func (r *reader) varint() int {
	if r.bad || r.at >= len(r.b) {
		r.bad = true
		return 0
	}
	n := 1 << (r.b[r.at] >> 6)
	b := r.take(n)
	if r.bad {
		return 0
	}
	var whole [8]byte
	copy(whole[8-n:], b)
	whole[8-n] &= 0x3f
	v := binary.BigEndian.Uint64(whole[:])
	if v > 1<<31-1 {
		r.bad = true
		return 0
	}
	return int(v)
}
