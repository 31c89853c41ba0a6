package dissect

import (
	"encoding/binary"

	"rawlab/framing"
)

// maxScan is how many bytes of a stream are searched for a frame before it is
// taken for another protocol.
const maxScan = 64 << 10

// plausible reports whether b, at least a header long, looks like the start
// of a frame: 24 bits of it are as framing would have them.
func plausible(b []byte, limit int) bool {
	if b[0] != 0 && limit <= 1<<24 {
		return false
	}
	size, err := framing.Peek(b, limit)
	if err != nil || b[kindAt]>>5 != framing.Version || !framing.Kind(b[kindAt]&0x1f).Valid() {
		return false
	}
	const known = framing.FlagCRC | framing.FlagOffset | framing.FlagWantAck | framing.FlagReplayed
	flags := framing.Flags(b[flagsAt])
	if flags&^known != 0 || framing.Code(b[codeAt]) > framing.CodeInternal {
		return false
	}
	least := headerEnd + int(b[topicLenAt])
	if flags&framing.FlagOffset != 0 {
		least += offsetSize
	}
	if flags&framing.FlagCRC != 0 {
		least += crcSize
	}
	return size >= least
}

// findFrame looks for the start of a frame in b and returns how many bytes to
// pass over. A start is believed if the checksum holds, another plausible
// frame follows, or the frame ends where b does. Not found means that more
// bytes are needed, unless final: then a start that is cut is believed too.
func findFrame(b []byte, limit int, final bool) (skip int, found bool) {
	for i := 0; i+headerEnd <= len(b); i++ {
		rest := b[i:]
		if !plausible(rest, limit) {
			continue
		}
		size := int(binary.BigEndian.Uint32(rest)) + 4
		if len(rest) < size {
			return i, final
		}
		_, _, err := framing.Parse(rest, limit)
		if err != nil {
			continue
		}
		checked := framing.Flags(rest[flagsAt])&framing.FlagCRC != 0
		next := rest[size:]
		switch {
		case checked, len(next) == 0:
			return i, true
		case len(next) >= headerEnd:
			if plausible(next, limit) {
				return i, true
			}
		default:
			return i, final
		}
	}
	if final {
		return len(b), false
	}
	return max(0, len(b)-headerEnd+1), false
}
