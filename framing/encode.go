package framing

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the encoded frame to dst. It fails with [ErrInvalid] if the
// frame cannot be represented: unknown kind or flag, or a topic over
// [MaxTopic] bytes; and with a [*SizeError] if the length prefix cannot hold
// its size. dst is then returned as it was.
func (f *Frame) Append(dst []byte) ([]byte, error) {
	if err := f.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(f.Size()-prefixBytes))
	dst = append(dst, Version<<5|byte(f.Kind), byte(f.Flags), byte(f.Code), byte(len(f.Topic)))
	dst = binary.BigEndian.AppendUint64(dst, f.Origin)
	dst = binary.BigEndian.AppendUint64(dst, f.Sequence)
	dst = binary.BigEndian.AppendUint64(dst, f.Time)
	if f.Flags&FlagOffset != 0 {
		dst = binary.BigEndian.AppendUint64(dst, f.Offset)
	}
	dst = append(dst, f.Topic...)
	dst = append(dst, f.Payload...)
	if f.Flags&FlagCRC != 0 {
		dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
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
