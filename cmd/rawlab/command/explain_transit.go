package command

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"strings"
)

// transit finds the packets that came to a host among those that left
// another: equal bytes in equal order.
type transit struct {
	hash    maphash.Hash
	away    map[uint64][]*ladderRung
	order   []uint64       // of what is away, the oldest first; some of it came
	changed []*ladderRung  // whose bytes the wire changed
	met     map[route]bool // something that left so came
}

// route is a direction of a flow.
type route struct{ src, dst netip.AddrPort }

// maxAway bounds the packets that may be on their way at once.
const maxAway = 1 << 16

// key names a packet by its addresses and by what IP carries: the headers
// around that may change on the way.
func (x *transit) key(p *seenPacket) uint64 {
	h := &p.headers
	x.hash.Reset()
	for _, a := range [2]netip.AddrPort{h.Src, h.Dst} {
		b := a.Addr().As16()
		x.hash.Write(b[:])
	}
	if h.Fragment {
		var b [8]byte
		binary.BigEndian.PutUint32(b[:], h.ID)
		binary.BigEndian.PutUint32(b[4:], uint32(h.FragmentOffset))
		x.hash.Write(b[:])
	}
	_, from := h.Extent()
	to := h.PayloadStart + len(h.Payload)
	if from <= to && to <= len(p.Data) {
		x.hash.Write(p.Data[from:to])
	}
	return x.hash.Sum64()
}

// leave notes a packet that left a host.
func (x *transit) leave(p *seenPacket, r *ladderRung) {
	switch {
	case strings.HasPrefix(r.fate, "wire-corrupt"):
		if len(x.changed) < maxAway {
			x.changed = append(x.changed, r)
		}
		return
	case r.lost:
		return
	}
	if x.away == nil {
		x.away, x.met = map[uint64][]*ladderRung{}, map[route]bool{}
	}
	if len(x.order) >= maxAway {
		for _, k := range x.order[:maxAway/2] {
			x.drop(k)
		}
		x.order = append(x.order[:0], x.order[maxAway/2:]...)
	}
	k := x.key(p)
	x.away[k] = append(x.away[k], r)
	x.order = append(x.order, k)
}

// arrive returns the rung of a packet that came, nil if nobody saw it leave.
func (x *transit) arrive(p *seenPacket) *ladderRung {
	for _, c := range p.Comments {
		if len(x.changed) > 0 && strings.Contains(fateOf(c), "wire-corrupt") {
			r := x.changed[0]
			x.changed = x.changed[1:]
			return r
		}
	}
	k := x.key(p)
	waiting := x.away[k]
	if len(waiting) == 0 {
		return nil
	}
	r := waiting[0]
	x.drop(k)
	x.met[route{r.src, r.dst}] = true
	return r
}

func (x *transit) drop(k uint64) {
	if rest := x.away[k]; len(rest) > 1 {
		x.away[k] = rest[1:]
	} else {
		delete(x.away, k)
	}
}
