package framing

import (
	"encoding/binary"
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
func Parse(b []byte, limit int) (f Frame, size int, err error) {
	size, err = Peek(b, limit)
	if err != nil {
		return f, 0, err
	}
	if len(b) < size {
		return f, 0, ErrIncomplete
	}
	if err = f.parse(b[:size:size]); err != nil {
		f = Frame{}
	}
	return f, size, err
}

// parse decodes b, which holds exactly one frame, where f is: copies of
// frames cost more than what is done to them here. On an error, f is neither
// the old nor the new one.
func (f *Frame) parse(b []byte) error { return f.parseSums(b, true) }

// parseSums is parse that looks at the checksum or not.
func (f *Frame) parseSums(b []byte, sums bool) error {
	head := binary.BigEndian.Uint64(b)
	if byte(head>>24)>>5 != Version {
		return ErrVersion
	}
	f.Kind, f.Flags, f.Code = Kind(head>>24&0x1f), Flags(head>>16), Code(head>>8)
	if !f.Kind.Valid() || f.Flags&^knownFlags != 0 {
		return ErrInvalid
	}
	f.Origin = binary.BigEndian.Uint64(b[8:])
	f.Sequence = binary.BigEndian.Uint64(b[16:])
	f.Time = binary.BigEndian.Uint64(b[24:])
	f.Offset = 0
	body := b[headerBytes:]
	if f.Flags&(FlagCRC|FlagOffset) != 0 {
		var err error
		if body, err = f.parseExtras(b, sums); err != nil {
			return err
		}
	}
	topic := int(head & topicLength)
	if len(body) < topic {
		return ErrInvalid
	}
	f.Topic, f.Payload = body[:topic:topic], body[topic:]
	return nil
}

// parseExtras takes what flags announce off both ends of the body, and
// returns what is between.
func (f *Frame) parseExtras(b []byte, sums bool) ([]byte, error) {
	body := b[headerBytes:]
	if f.Flags&FlagCRC != 0 {
		if len(body) < checksumBytes {
			return nil, ErrInvalid
		}
		end := len(b) - checksumBytes
		if sums && binary.BigEndian.Uint32(b[end:]) != checksum(b[:end]) {
			return nil, ErrChecksum
		}
		end -= headerBytes
		body = body[:end:end] // appending to the payload must not reach the checksum
	}
	if f.Flags&FlagOffset != 0 {
		if len(body) < offsetBytes {
			return nil, ErrInvalid
		}
		f.Offset = binary.BigEndian.Uint64(body)
		body = body[offsetBytes:]
	}
	return body, nil
}
