package framing

import (
	"errors"
	"fmt"
)

// Errors that callers branch on.
var (
	// ErrIncomplete means that the buffer ends before the frame does.
	ErrIncomplete = errors.New("framing: incomplete frame")
	// ErrVersion means that the frame is of a version this package does not speak.
	ErrVersion = errors.New("framing: unknown version")
	// ErrChecksum means that the CRC-32C does not match the frame's bytes.
	ErrChecksum = errors.New("framing: checksum mismatch")
	// ErrInvalid means that the frame's fields contradict each other.
	ErrInvalid = errors.New("framing: invalid frame")
)

// SizeError reports a frame larger than the agreed limit. Both are in bytes,
// length prefix included.
type SizeError struct {
	Size, Limit uint64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("framing: frame of %d bytes is over the limit of %d", e.Size, e.Limit)
}
