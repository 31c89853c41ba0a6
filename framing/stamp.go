package framing

import (
	"encoding/binary"
	"math"
	"slices"
)

// Stamp is a frame that is sent over and over with another sequence, time and
// payload: what stays is encoded once. The zero value stamps nothing.
type Stamp struct {
	head []byte // everything before the payload
}

// NewStamp returns a stamp for frames like f, whose own sequence, time and
// payload do not count. It has neither offset nor checksum. Errors are those of
// [Frame.Append].
func NewStamp(f *Frame) (Stamp, error) {
	like := *f
	like.Payload = nil
	if like.Flags&(FlagOffset|FlagCRC) != 0 {
		return Stamp{}, ErrInvalid
	}
	head, err := like.Append(nil)
	return Stamp{head}, err
}

// Size returns the encoded size in bytes of a frame with a payload.
func (s *Stamp) Size(payload []byte) int { return len(s.head) + len(payload) }

// Append appends the encoded frame to dst. It fails with a [*SizeError] if
// the length prefix cannot hold its size; dst is then returned as it was.
func (s *Stamp) Append(dst []byte, sequence, time uint64, payload []byte) ([]byte, error) {
	start, size := len(dst), len(s.head)+len(payload)
	if uint64(size) > math.MaxUint32 {
		return dst, &SizeError{Size: uint64(size), Limit: math.MaxUint32}
	}
	if size > cap(dst)-start {
		dst = slices.Grow(dst, size)
	}
	dst = dst[:start+size]
	b := dst[start:]
	copy(b, s.head)
	binary.BigEndian.PutUint32(b, uint32(size-prefixBytes))
	binary.BigEndian.PutUint64(b[16:], sequence)
	binary.BigEndian.PutUint64(b[24:], time)
	copy(b[len(s.head):], payload)
	return dst, nil
}
