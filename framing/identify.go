package framing

import "encoding/binary"

// Identify returns the identity of the event that a datagram's first frame
// carries, in an emit or an event frame or a fragment of one. It allocates nothing and does not
// verify the checksum, so that it may run on every packet of a link; ok is
// false for anything else.
func Identify(datagram []byte) (origin, sequence uint64, ok bool) {
	if len(datagram) < MinSize || datagram[4]>>5 != Version {
		return 0, 0, false
	}
	if k := Kind(datagram[4] & 0x1f); k != KindEmit && k != KindEvent && k != KindFragment {
		return 0, 0, false
	}
	if _, err := Peek(datagram, DefaultLimit); err != nil {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(datagram[8:]), binary.BigEndian.Uint64(datagram[16:]), true
}
