package framing

import (
	"encoding/binary"
	"hash/crc32"
)

// Measure tells of the frame at the start of b what [Parse] would: its kind,
// its size and that of its payload, in bytes. It is for who counts frames
// without reading them, and takes a third of the time. ok is false where Parse
// fails.
func Measure(b []byte, limit int) (kind Kind, size, payload int, ok bool) {
	size, err := Peek(b, limit)
	if err != nil || len(b) < size {
		return 0, 0, 0, false
	}
	head := binary.BigEndian.Uint64(b)
	kind, flags := Kind(head>>24&0x1f), Flags(head>>16)
	payload = size - headerBytes - int(head&topicLength)
	if flags&FlagOffset != 0 {
		payload -= offsetBytes
	}
	end := size
	if flags&FlagCRC != 0 {
		end -= checksumBytes
		payload -= checksumBytes
	}
	if byte(head>>24)>>5 != Version || !kind.Valid() || flags&^knownFlags != 0 || payload < 0 {
		return 0, 0, 0, false
	}
	if end < size && binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return 0, 0, 0, false
	}
	return kind, size, payload, true
}
