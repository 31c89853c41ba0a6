package framing

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Append appends the encoded frame to dst. It fails with [ErrInvalid] if the
// frame cannot be represented: unknown kind or flag, or a topic over
// [MaxTopic] bytes; and with a [*SizeError] if the length prefix cannot hold
// its size. dst is then returned as it was.
func (f *Frame) Append(dst []byte) ([]byte, error) {
	if err := f.check(); err != nil {
		return dst, err
	}
	start, size := len(dst), f.Size()
	dst = slices.Grow(dst, size)[:start+size]
	b := dst[start:]
	binary.BigEndian.PutUint64(b, uint64(size-prefixBytes)<<headLength|
		uint64(Version<<5|byte(f.Kind))<<24|uint64(f.Flags)<<16|uint64(f.Code)<<8|uint64(len(f.Topic)))
	binary.BigEndian.PutUint64(b[8:], f.Origin)
	binary.BigEndian.PutUint64(b[16:], f.Sequence)
	binary.BigEndian.PutUint64(b[24:], f.Time)
	end := headerBytes
	if f.Flags&FlagOffset != 0 {
		binary.BigEndian.PutUint64(b[end:], f.Offset)
		end += offsetBytes
	}
	end += copy(b[end:], f.Topic)
	end += copy(b[end:], f.Payload)
	if f.Flags&FlagCRC != 0 {
		binary.BigEndian.PutUint32(b[end:], checksum(b[:end]))
	}
	return dst, nil
}

func (f *Frame) check() error {
	switch {
	case !f.Kind.Valid():
		return fmt.Errorf("%w: %v", ErrInvalid, f.Kind)
	case f.Flags&^knownFlags != 0:
		return fmt.Errorf("%w: unknown flags %#x", ErrInvalid, uint8(f.Flags))
	case len(f.Topic) > MaxTopic:
		return fmt.Errorf("%w: topic of %d bytes, at most %d", ErrInvalid, len(f.Topic), MaxTopic)
	case uint64(f.Size()) > math.MaxUint32:
		return &SizeError{Size: uint64(f.Size()), Limit: math.MaxUint32}
	}
	return nil
}
