package tcpflow

import "encoding/binary"

// options are those of a TCP header that the analysis needs.
type options struct {
	mss           int // 0: absent
	scale         int // -1: absent
	sackPermitted bool
	sack          [4][2]uint32 // RFC 2018, section 3: no more fit
	blocks        int
}

// Kinds of option (RFC 9293, section 3.2; RFC 7323, section 2.2; RFC 2018).
const (
	optionEnd           = 0
	optionNothing       = 1
	optionMSS           = 2
	optionScale         = 3
	optionSACKPermitted = 4
	optionSACK          = 5

	maxScale       = 14 // RFC 7323, section 2.3
	tcpHeaderBytes = 20
)

// readOptions reads a header's options as far as they are in order.
func readOptions(header []byte) options {
	o := options{scale: -1}
	if len(header) < tcpHeaderBytes {
		return o
	}
	for b := header[tcpHeaderBytes:]; len(b) > 0 && b[0] != optionEnd; {
		if b[0] == optionNothing {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			break
		}
		o.take(b[0], b[2:b[1]])
		b = b[b[1]:]
	}
	return o
}

func (o *options) take(kind byte, value []byte) {
	switch {
	case kind == optionMSS && len(value) == 2:
		o.mss = int(binary.BigEndian.Uint16(value))
	case kind == optionScale && len(value) == 1:
		o.scale = min(int(value[0]), maxScale)
	case kind == optionSACKPermitted:
		o.sackPermitted = true
	case kind == optionSACK:
		for ; len(value) >= 8 && o.blocks < len(o.sack); value = value[8:] {
			o.sack[o.blocks] = [2]uint32{binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])}
			o.blocks++
		}
	}
}
