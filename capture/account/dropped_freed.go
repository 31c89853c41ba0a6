package account

import (
	"net/netip"
	"time"

	"rawlab/capture/dissect"
)

// freed are the datagrams that were dropped last. One that was put together
// from fragments is told first, with the reason, and then each of its other
// fragments, without one, as its memory is freed: that is one drop.
type freed map[freedKey]time.Time

type freedKey struct {
	src, dst netip.Addr
	id       uint16 // of IPv4; 0 of IPv6, which has none in a datagram put together
}

// freedWithin is how long freeing a datagram takes at most.
const freedWithin = time.Millisecond

// maxFreed bounds the datagrams that are remembered.
const maxFreed = 1 << 12

// with reports whether a drop is of a fragment that goes with its datagram.
func (f freed) with(h *dissect.Headers, r *DroppedPacket) bool {
	k := freedKey{src: h.Src.Addr(), dst: h.Dst.Addr()}
	if network, at := h.Extent(); k.src.Is4() && at > 0 {
		k.id = uint16(r.Packet[network+4])<<8 | uint16(r.Packet[network+5])
	}
	if h.FragmentOffset > 0 && r.Reason == unspecified {
		at, ok := f[k]
		return ok && r.Time.Sub(at) < freedWithin
	}
	if h.FragmentOffset == 0 && r.Length > len(r.Packet) {
		if len(f) == maxFreed {
			clear(f)
		}
		f[k] = r.Time
	}
	return false
}
