package dissect

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Kinds of TCP options (IANA's "TCP Option Kind Numbers").
const (
	tcpEndOfList     = 0
	tcpNoOperation   = 1
	tcpMSS           = 2   // RFC 9293, section 3.7.1
	tcpWindowScale   = 3   // RFC 7323, section 2
	tcpSACKPermitted = 4   // RFC 2018, section 2
	tcpSACK          = 5   // RFC 2018, section 3
	tcpTimestamps    = 8   // RFC 7323, section 3
	tcpMD5           = 19  // RFC 2385
	tcpUserTimeout   = 28  // RFC 5482
	tcpAO            = 29  // RFC 5925
	tcpMultipath     = 30  // RFC 8684
	tcpFastOpen      = 34  // RFC 7413
	tcpExperiment1   = 253 // RFC 6994: two bytes tell the experiments apart
	tcpExperiment2   = 254
)

const (
	maxWindowShift  = 14     // RFC 7323, section 2.3
	experimentalTFO = 0xf989 // RFC 7413, section 4.1.1
)

// segmentOptions is what the meaning of an option depends on.
type segmentOptions struct {
	syn bool
	ack uint32
}

// fields names the options in b, which stand at a place in the packet
// (RFC 9293, section 3.1).
func (s segmentOptions) fields(b []byte, at int) []Field {
	var fields []Field
	for len(b) > 0 {
		size := 1
		switch {
		case b[0] == tcpEndOfList:
			return append(fields, Field{"end of options", fmt.Sprintf("%d bytes, filling the header up to four-byte words", len(b)), at, at + len(b)})
		case b[0] == tcpNoOperation:
			for size < len(b) && b[size] == tcpNoOperation {
				size++
			}
			fields = append(fields, Field{"no operation", fmt.Sprintf("%d of them, so that what follows is aligned", size), at, at + size})
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			return append(fields, Field{"options", fmt.Sprintf("%d bytes that contradict themselves", len(b)), at, at + len(b)})
		default:
			size = int(b[1])
			name, value := s.option(b[0], b[2:size])
			fields = append(fields, Field{name, value, at, at + size})
		}
		b, at = b[size:], at+size
	}
	return fields
}

// option names an option and says what it is for; b is what follows its
// length.
func (s segmentOptions) option(kind byte, b []byte) (name, value string) {
	switch {
	case kind == tcpMSS && len(b) == 2:
		return "MSS", fmt.Sprintf("largest segment %d bytes, headers apart: more in one I cannot take", binary.BigEndian.Uint16(b))
	case kind == tcpWindowScale && len(b) == 1:
		return "window scale", fmt.Sprintf("my window counts %d bytes (shift %d), if you send this option too", 1<<min(b[0], maxWindowShift), b[0])
	case kind == tcpSACKPermitted && len(b) == 0:
		return "SACK permitted", "selective acknowledgement allowed: tell me what came behind a gap"
	case kind == tcpTimestamps && len(b) == 8:
		return "timestamps", fmt.Sprintf("timestamp %d, echoing %d: the time until an echo is the round trip", binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]))
	case kind == tcpSACK && len(b) >= 8 && len(b)%8 == 0:
		return "SACK", s.blocks(b)
	case kind == tcpFastOpen:
		return "fast open", s.fastOpen(b)
	case kind == tcpUserTimeout && len(b) == 2:
		return "user timeout", userTimeout(binary.BigEndian.Uint16(b))
	case kind == tcpMD5 && len(b) == 16:
		return "MD5 signature", fmt.Sprintf("%x, proof that the sender knows a shared secret, as routers want it for BGP", b)
	case kind == tcpAO && len(b) >= 2:
		return "authentication", fmt.Sprintf("key %d, next key %d, proof %x that the sender knows a shared secret", b[0], b[1], b[2:])
	case kind == tcpMultipath && len(b) >= 1:
		return "multipath", multipath(b, s.syn)
	case (kind == tcpExperiment1 || kind == tcpExperiment2) && len(b) >= 2:
		id := binary.BigEndian.Uint16(b)
		if id == experimentalTFO {
			return "fast open", s.fastOpen(b[2:]) + " (by its experimental number)"
		}
		return "experiment", fmt.Sprintf("%#04x, %d bytes", id, len(b)-2)
	}
	return "option", fmt.Sprintf("%d, %d bytes, not read here", kind, len(b))
}

// blocks writes the ranges that a receiver has behind a gap. A first block
// below the acknowledgement reports a duplicate (RFC 2883, section 4).
func (s segmentOptions) blocks(b []byte) string {
	left, right := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	again := int32(left-s.ack) < 0
	if len(b) >= 16 { // or one within the second block
		l2, r2 := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
		again = again || int32(left-l2) >= 0 && int32(r2-right) >= 0
	}
	text := ""
	if again {
		text = fmt.Sprintf("%d to %d came twice (D-SACK)", left, right)
		b = b[8:]
	}
	var blocks []string
	for ; len(b) >= 8; b = b[8:] {
		blocks = append(blocks, fmt.Sprintf("%d to %d", binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])))
	}
	if len(blocks) == 0 {
		return text
	}
	if again {
		text += "; "
	}
	return text + "has also " + strings.Join(blocks, ", ") + ": only what is missing before need be sent again"
}

func (s segmentOptions) fastOpen(b []byte) string {
	switch {
	case len(b) > 0 && s.syn:
		return fmt.Sprintf("cookie %x: with it the next connection may carry data in its first packet", b)
	case len(b) > 0:
		return fmt.Sprintf("cookie %x", b)
	}
	return "asks for a cookie, to send data in the first packet next time"
}

// userTimeout reads a time of 15 bits, in minutes if the first bit is set.
func userTimeout(v uint16) string {
	unit := "seconds"
	if v&0x8000 != 0 {
		unit = "minutes"
	}
	return fmt.Sprintf("gives up after %d %s without an acknowledgement", v&0x7fff, unit)
}

// Subtypes of the multipath option (RFC 8684, section 3).
var multipathNames = [...]string{
	"capable", "join", "data sequence", "add address", "remove address", "priority", "fail", "fast close", "reset",
}

func multipath(b []byte, syn bool) string {
	subtype := int(b[0] >> 4)
	if subtype >= len(multipathNames) {
		return fmt.Sprintf("subtype %d, %d bytes", subtype, len(b))
	}
	name := "MPTCP " + multipathNames[subtype]
	switch {
	case subtype == 0 && syn:
		return fmt.Sprintf("%s (version %d): can use several paths at once", name, b[0]&0xf)
	case subtype == 0 && len(b) >= 10:
		return fmt.Sprintf("%s, the sender's key %x", name, b[2:10])
	case subtype == 1 && syn && len(b) >= 6:
		return fmt.Sprintf("%s: a second path for the connection with token %x", name, b[2:6])
	case subtype == 2:
		return fmt.Sprintf("%s: where these bytes belong among all paths, %x", name, b[2:])
	}
	return fmt.Sprintf("%s, %d bytes", name, len(b))
}
