package framing

import (
	"encoding/binary"
	"hash/crc32"
)

// Peek returns the size in bytes of the frame at the start of b, prefix
// included, as the prefix claims it. It fails with [ErrIncomplete] when the
// prefix itself is cut, [ErrInvalid] when the claim is smaller than any
// frame, and [*SizeError] when it is over limit bytes; limit 0 means
// [DefaultLimit]. Nothing else is looked at.
func Peek(b []byte, limit int) (int, error) {
	if len(b) < prefixBytes {
		return 0, ErrIncomplete
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	size := uint64(binary.BigEndian.Uint32(b)) + prefixBytes
	if size < MinSize {
		return 0, ErrInvalid
	}
	if size > uint64(limit) {
		return 0, &SizeError{Size: size, Limit: uint64(limit)}
	}
	return int(size), nil
}

// Parse decodes the frame at the start of b and returns it with its size in
// bytes. The frame aliases b. Errors are those of [Peek], [ErrIncomplete]
// when b ends inside the frame, [ErrVersion], [ErrInvalid] and
// [ErrChecksum]. Once the frame's extent is known, its size comes back even
// with an error, so that a caller may skip it.
func Parse(b []byte, limit int) (Frame, int, error) {
	size, err := Peek(b, limit)
	if err != nil {
		return Frame{}, 0, err
	}
	if len(b) < size {
		return Frame{}, 0, ErrIncomplete
	}
	f, err := parseWhole(b[:size:size])
	return f, size, err
}

// parseWhole decodes b, which holds exactly one frame.
func parseWhole(b []byte) (Frame, error) {
	if b[4]>>5 != Version {
		return Frame{}, ErrVersion
	}
	f := Frame{
		Kind:     Kind(b[4] & 0x1f),
		Flags:    Flags(b[5]),
		Code:     Code(b[6]),
		Origin:   binary.BigEndian.Uint64(b[8:]),
		Sequence: binary.BigEndian.Uint64(b[16:]),
		Time:     binary.BigEndian.Uint64(b[24:]),
	}
	topic := int(b[7])
	if !f.Kind.Valid() || f.Flags&^knownFlags != 0 {
		return Frame{}, ErrInvalid
	}
	body := b[headerBytes:]
	if f.Flags&FlagCRC != 0 {
		if len(body) < checksumBytes {
			return Frame{}, ErrInvalid
		}
		end := len(b) - checksumBytes
		if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
			return Frame{}, ErrChecksum
		}
		end -= headerBytes
		body = body[:end:end] // appending to the payload must not reach the checksum
	}
	if f.Flags&FlagOffset != 0 {
		if len(body) < offsetBytes {
			return Frame{}, ErrInvalid
		}
		f.Offset = binary.BigEndian.Uint64(body)
		body = body[offsetBytes:]
	}
	if len(body) < topic {
		return Frame{}, ErrInvalid
	}
	f.Topic, f.Payload = body[:topic:topic], body[topic:]
	return f, nil
}
