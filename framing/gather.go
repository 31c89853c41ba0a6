package framing

import (
	"encoding/binary"
)

const sealedEmit = plainEmit | uint64(FlagCRC)<<16

// Gather takes the plain emits of r.Origin that b, out of datagrams, starts
// with, as far as they continue the run; any begin one of no events. It
// appends them to r.Frames as events without checksums, and returns how many
// bytes of b they were: 0 says that something else is next, such as an emit
// with another flag than FlagCRC and FlagWantAck. With sums it looks at their
// checksums.
func (r *Run) Gather(b []byte, sums bool) (taken int) {
	for len(b)-taken >= MinSize+checksumBytes {
		n := r.gather(b[taken:], sums)
		if n == 0 {
			break
		}
		taken += n
	}
	return taken
}

// gather takes one frame, of which there are enough bytes to have a head.
func (r *Run) gather(b []byte, sums bool) (size int) {
	head := binary.BigEndian.Uint64(b)
	size, err := Peek(b, len(b))
	topic, end := headerBytes+int(head&topicLength), size-checksumBytes
	if err != nil || head&plainMask != sealedEmit || topic == headerBytes || end < topic || binary.BigEndian.Uint64(b[8:]) != r.Origin {
		return 0
	}
	sequence, wantAck := binary.BigEndian.Uint64(b[16:]), head&(uint64(FlagWantAck)<<16) != 0
	if r.Count == 0 {
		if sequence == 0 {
			return 0
		}
	} else if sequence != r.Sequence+uint64(r.Count) || wantAck != r.WantAck || string(b[headerBytes:topic]) != string(r.Topic) {
		return 0
	}
	if sums && binary.BigEndian.Uint32(b[end:]) != checksum(b[:end]) {
		return 0
	}
	start := len(r.Frames)
	r.Frames = append(r.Frames, b[:end]...)
	binary.BigEndian.PutUint64(r.Frames[start:], uint64(end-prefixBytes)<<headLength|uint64(Version<<5|KindEvent)<<24|head&topicLength)
	if r.Count == 0 {
		r.Sequence, r.WantAck, r.Topic = sequence, wantAck, r.Frames[start+headerBytes:start+topic]
	}
	r.Count++
	return size
}

// Empty makes r a run of no events, which keeps its origin and its buffer.
func (r *Run) Empty() { *r = Run{Frames: r.Frames[:0], Origin: r.Origin} }
