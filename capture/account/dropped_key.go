package account

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"rawlab/capture/dissect"
)

// keyer names packets by what neither a host on their way nor the kernel that
// drops them changes. A datagram has the name of its first fragment, for a
// kernel drops what it has put together again.
type keyer struct {
	seed maphash.Seed
	b    []byte // scratch
}

func newKeyer() keyer { return keyer{seed: maphash.MakeSeed()} }

// keyPayload is how much of a datagram's payload counts: a frame's length, kind
// and identity.
const keyPayload = 32

// of returns the name of a packet, 0 if there is no IP in it, and a shorter one
// without payload: a kernel tells no payload of a packet that has it in other
// memory than its headers. Of TCP, whose numbers say enough, the two are one.
func (k *keyer) of(h *dissect.Headers, data []byte) (long, short uint64) {
	network, at := h.Extent()
	if at == 0 || at > len(data) || !h.Src.IsValid() {
		return 0, 0
	}
	const ports, numbers, udp = 4, 12, 8 // bytes: of both, those with TCP's numbers, and of UDP's header
	b := append(k.b[:0], byte(h.Protocol))
	for _, a := range [2]netip.AddrPort{h.Src, h.Dst} {
		addr := a.Addr().As16()
		b = append(b, addr[:]...)
	}
	if h.Src.Addr().Is4() {
		b = append(b, data[network+4:network+6]...) // identification
	}
	rest, payload := data[at:], []byte(nil)
	switch {
	case h.FragmentOffset > 0:
		b = binary.BigEndian.AppendUint64(b, uint64(h.ID)<<32|uint64(h.FragmentOffset))
	case h.Protocol == dissect.TCP && len(rest) >= numbers:
		b = append(b, rest[:numbers]...)
	case h.Protocol == dissect.UDP && len(rest) >= udp:
		b, payload = append(b, rest[:ports]...), rest[udp:min(len(rest), udp+keyPayload)]
	default:
		b = append(b, rest[:min(len(rest), udp)]...)
	}
	short = maphash.Bytes(k.seed, b) | 1
	if long = short; len(payload) > 0 {
		b = append(b, payload...)
		long = maphash.Bytes(k.seed, b) | 1
	}
	k.b = b
	return long, short
}
