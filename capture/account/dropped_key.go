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

// keyPayload is how much of the payload counts: a frame's length, kind and
// identity. A kernel tells no less of a packet.
const keyPayload = 32

// of returns the name of a packet, never 0; false if there is no IP in it.
func (k *keyer) of(h *dissect.Headers, data []byte) (uint64, bool) {
	network, at := h.Extent()
	if at == 0 || at > len(data) || !h.Src.IsValid() {
		return 0, false
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
	rest := data[at:]
	switch {
	case h.FragmentOffset > 0:
		b = binary.BigEndian.AppendUint64(b, uint64(h.ID)<<32|uint64(h.FragmentOffset))
		b = append(b, rest[:min(len(rest), keyPayload)]...)
	case h.Protocol == dissect.TCP && len(rest) >= numbers:
		b = append(b, rest[:numbers]...)
		b = append(b, h.Payload[:min(len(h.Payload), keyPayload)]...)
	case h.Protocol == dissect.UDP && len(rest) >= udp:
		b = append(b, rest[:ports]...)
		b = append(b, rest[udp:min(len(rest), udp+keyPayload)]...)
	default:
		b = append(b, rest[:min(len(rest), udp)]...)
	}
	k.b = b
	return maphash.Bytes(k.seed, b) | 1, true
}
