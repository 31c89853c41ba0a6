package tcpflow

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"rawlab/capture/dissect"
)

// Options bound an [Analyzer]. The zero value works.
type Options struct {
	MaxFlows int // followed at once, the idlest given up beyond; default 16384
	MaxSent  int // segments under way that are remembered, over all flows; default 1 Mi of 64 bytes
	// Done is told of each flow that is given up, because there were too
	// many or because its ports were used again; nil: nobody is.
	Done func(Flow)
}

// Analyzer follows the TCP flows of one tap. It is not safe for concurrent
// use. Memory is bounded by Options.
type Analyzer struct {
	o     Options
	flows map[flowKey]*flow
	order []*flow // in order of appearance
	begun int     // flows
	added int     // segments
	sent  int     // remembered, over all flows
}

// NewAnalyzer returns an analyzer; nil options are the defaults.
func NewAnalyzer(o *Options) *Analyzer {
	a := &Analyzer{flows: map[flowKey]*flow{}}
	if o != nil {
		a.o = *o
	}
	a.o.MaxFlows = cmp.Or(a.o.MaxFlows, 16384)
	a.o.MaxSent = cmp.Or(a.o.MaxSent, 1<<20)
	return a
}

// flowKey names a flow the same from either end.
type flowKey struct{ low, high netip.AddrPort }

// flow is one connection being followed.
type flow struct {
	Flow
	key  flowKey
	half [2]half // to the server, to the client
	seen int     // segments added when it last had one
}

// Add reads one packet, of which the headers are h. The number is the
// caller's and comes back in the segment; data may be reused afterwards. What
// is no whole TCP header is no segment.
func (a *Analyzer) Add(packet int, t time.Time, way Way, h *dissect.Headers, data []byte) (s Segment, ok bool) {
	_, at := h.Extent()
	if h.Protocol != dissect.TCP || h.Fragment || at <= 0 || h.PayloadStart < at+tcpHeaderBytes || h.PayloadStart > len(data) {
		return Segment{}, false
	}
	s = Segment{
		Packet: packet, Time: t, Src: h.Src, Dst: h.Dst, Tap: placeOf(h, way),
		SYN: h.SYN, FIN: h.FIN, RST: h.RST, ACK: h.ACK, PSH: h.PSH, Length: h.PayloadLength, Damaged: h.Damaged(data),
	}
	f := a.flowOf(h, &s)
	if f == nil {
		return s, true
	}
	a.added++
	f.seen = a.added
	f.Packets++
	f.Last = t
	s.Flow = f.Number
	s.ToServer = h.Src == f.Client
	o := readOptions(data[at:h.PayloadStart])
	f.take(a, &s, h, &o)
	return s, true
}

// placeOf says where the tap is for a packet.
func placeOf(h *dissect.Headers, way Way) Place {
	switch src := h.Src.Addr(); {
	case src.IsLoopback() || src == h.Dst.Addr():
		return AtBoth
	case way == Out:
		return AtSender
	case way == In:
		return AtReceiver
	}
	return PlaceUnknown
}

// flowOf returns the flow of a segment. A damaged one, whose addresses may be
// what was damaged, opens none.
func (a *Analyzer) flowOf(h *dissect.Headers, s *Segment) *flow {
	key := flowKey{h.Src, h.Dst}
	if h.Dst.Compare(h.Src) < 0 {
		key = flowKey{h.Dst, h.Src}
	}
	f := a.flows[key]
	if f != nil && h.SYN && !h.ACK && !s.Damaged && f.reopened(h) {
		a.giveUp(f)
		a.order = slices.DeleteFunc(a.order, func(g *flow) bool { return g == f })
		f = nil
	}
	if f != nil || s.Damaged {
		return f
	}
	if len(a.order) >= a.o.MaxFlows {
		a.evict()
	}
	f = &flow{key: key, Flow: Flow{Number: a.begun, Client: h.Src, Server: h.Dst, First: s.Time}}
	if h.SYN && h.ACK {
		f.Client, f.Server = h.Dst, h.Src
	}
	a.begun++
	a.flows[key] = f
	a.order = append(a.order, f)
	return f
}

// reopened reports whether a SYN begins another connection on the old ports.
func (f *flow) reopened(h *dissect.Headers) bool {
	c := &f.half[0]
	return h.Src != f.Client || !c.synSeen || c.isn != h.Seq
}

// evict gives up the idlest quarter of the flows; many at once, so that the
// search for them costs little per flow.
func (a *Analyzer) evict() {
	idle := slices.Clone(a.order)
	slices.SortFunc(idle, func(x, y *flow) int { return cmp.Compare(x.seen, y.seen) })
	for _, f := range idle[:len(idle)/4+1] {
		a.giveUp(f)
	}
	a.order = slices.DeleteFunc(a.order, func(f *flow) bool { return a.flows[f.key] != f })
}

func (a *Analyzer) giveUp(f *flow) {
	a.sent -= len(f.half[0].out) + len(f.half[1].out)
	delete(a.flows, f.key)
	if a.o.Done != nil {
		a.o.Done(f.result())
	}
}

// Flows returns the flows still followed, in order of appearance.
func (a *Analyzer) Flows() []Flow {
	flows := make([]Flow, len(a.order))
	for i, f := range a.order {
		flows[i] = f.result()
	}
	return flows
}

// result is what is known of a flow now.
func (f *flow) result() Flow {
	r := f.Flow
	r.Opened = f.half[0].synSeen || f.half[1].synSeen
	r.ToServer, r.ToClient = f.half[0].result(f.Last), f.half[1].result(f.Last)
	return r
}
