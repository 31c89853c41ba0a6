package dissect

import (
	"cmp"
	"net/netip"
	"slices"

	"rawlab/framing"
)

// flowKey names a flow the same from either end.
type flowKey struct {
	transport Protocol
	low, high netip.AddrPort
}

// flow is one conversation being followed.
type flow struct {
	Flow
	key  flowKey
	ours ours
	dir  [2]stream // from key.low, from key.high; TCP only
	seen int       // the packet count when it last had one

	talk *talk // what it says, if it is not ours and messages are asked for

	opened bool // its SYN was seen: Client and Server are certain
}

// ours tells whether a flow speaks our protocol.
type ours uint8

const (
	oursUnknown ours = iota
	oursYes
	oursNo
)

// flowOf returns the flow of a packet and the packet's direction in it.
func (a *Assembler) flowOf(in arrival) (f *flow, direction int) {
	h := in.h
	key := flowKey{h.Protocol, h.Src, h.Dst}
	if h.Dst.Compare(h.Src) < 0 {
		key.low, key.high = h.Dst, h.Src
		direction = 1
	}
	f = a.flows[key]
	if f == nil {
		f = a.newFlow(key, in)
	}
	if h.SYN && !h.ACK {
		f.Client, f.Server, f.opened = h.Src, h.Dst, true
	}
	f.seen = a.stats.Packets
	f.Packets++
	f.Bytes += h.PayloadLength
	f.Last = in.time
	return f, direction
}

func (a *Assembler) newFlow(key flowKey, in arrival) *flow {
	if len(a.order) >= a.o.MaxFlows {
		a.evict()
	}
	f := &flow{key: key, Flow: Flow{Transport: key.transport, Client: in.h.Src, Server: in.h.Dst, First: in.time}}
	if in.h.SYN && in.h.ACK {
		f.Client, f.Server, f.opened = in.h.Dst, in.h.Src, true
	}
	if slices.Contains(a.o.Ports, key.low.Port()) || slices.Contains(a.o.Ports, key.high.Port()) {
		f.ours = oursYes
	}
	f.dir[0] = stream{a: a, flow: f, src: key.low, dst: key.high}
	f.dir[1] = stream{a: a, flow: f, src: key.high, dst: key.low}
	a.flows[key] = f
	a.order = append(a.order, f)
	return f
}

// count notes a frame of the flow. Without a SYN, the kinds that only servers
// send tell which end is which.
func (f *flow) count(r *Frame) {
	f.Frames++
	if f.opened || r.Err != nil || r.Src != f.Client {
		return
	}
	switch r.Kind {
	case framing.KindWelcome, framing.KindEvent, framing.KindReceipt:
		f.Client, f.Server, f.opened = r.Dst, r.Src, true
	}
}

// evict gives up the idlest quarter of the flows; many at once, so that the
// search for them costs little per flow.
func (a *Assembler) evict() {
	idle := slices.Clone(a.order)
	slices.SortFunc(idle, func(x, y *flow) int { return cmp.Compare(x.seen, y.seen) })
	for _, f := range idle[:len(idle)/4+1] {
		finishFlow(f)
		delete(a.flows, f.key)
		a.stats.Evicted++
	}
	a.order = slices.DeleteFunc(a.order, func(f *flow) bool { return a.flows[f.key] != f })
}

func finishFlow(f *flow) {
	f.dir[0].finish()
	f.dir[1].finish()
}
