package wire

import (
	"math/bits"
	"time"
)

// segmentBytes is the MSS of a 1500-byte MTU with TCP timestamps (RFC 7323),
// the grain in which TCP sequence numbers name a fate.
const segmentBytes = 1448

// maxFlows bounds the flows that one plan tells apart; a packet of a further
// one is drawn with those of its protocol that came without a flow.
const maxFlows = 1 << 16

// Decision is what the wire does to one packet, apart from rate and queue.
type Decision struct {
	Lose      bool
	Duplicate bool
	Corrupt   bool
	Overtake  bool          // skip the delay
	Bit       uint64        // which bit to flip, modulo those of the frame
	Delay     time.Duration // with jitter
}

// Plan decides the fates of one direction's packets. It is not safe for
// concurrent use.
type Plan struct {
	impairment Impairment
	identify   func([]byte) (uint64, bool)
	seed       uint64 // of this direction
	flows      map[flowID]*flow
	kinds      map[uint64]uint64      // flows seen so far, by kind
	seen       map[identityKey]uint64 // how often an identity came
	fragmented map[fragmentKey]uint64 // identities of datagrams in IP fragments
}

// fragmentKey tells IP datagrams of one flow apart (RFC 791, section 3.2).
type fragmentKey struct {
	flow flowID
	id   uint16
}

// maxFragmented bounds the datagrams whose fragments may still come.
const maxFragmented = 1 << 14

type identityKey struct{ kind, identity uint64 }

type flow struct {
	hash    uint64
	kind    uint64
	ordinal uint64
	start   uint32            // TCP: first sequence number
	sent    map[uint32]uint64 // TCP: how often each segment came
}

// NewPlan returns the plan of a direction (0 or 1) under a seed. identify
// finds the identity of what a UDP payload carries; nil finds none.
func NewPlan(i Impairment, seed uint64, direction int, identify func(payload []byte) (uint64, bool)) *Plan {
	if identify == nil {
		identify = func([]byte) (uint64, bool) { return 0, false }
	}
	return &Plan{
		impairment: i,
		identify:   identify,
		seed:       mix(seed, uint64(direction)+1),
		flows:      map[flowID]*flow{},
		kinds:      map[uint64]uint64{},
		seen:       map[identityKey]uint64{},
		fragmented: map[fragmentKey]uint64{},
	}
}

// Decide returns what becomes of the next packet, given as an Ethernet frame.
func (p *Plan) Decide(frame []byte) Decision {
	pkt := parse(frame)
	return p.decide(&pkt)
}

func (p *Plan) decide(pkt *packet) Decision {
	n := p.number(pkt)
	i := &p.impairment
	d := Decision{
		Lose:      share(mix(n, 1)) < i.Loss,
		Corrupt:   share(mix(n, 2)) < i.Corrupt,
		Bit:       mix(n, 3),
		Overtake:  share(mix(n, 4)) < i.Reorder,
		Duplicate: share(mix(n, 6)) < i.Duplicate,
		Delay:     i.Delay + time.Duration((2*share(mix(n, 5))-1)*float64(i.Jitter)),
	}
	if d.Overtake {
		d.Delay = 0
	}
	return d
}

// number draws the packet's own 64 bits, from which all decisions derive.
func (p *Plan) number(pkt *packet) uint64 {
	f := p.flow(pkt)
	switch {
	case pkt.flow.protocol == ProtocolUDP:
		if id, ok := p.identity(pkt); ok {
			key := identityKey{f.kind, id}
			p.seen[key]++
			return mix(mix(mix(p.seed, f.kind), id), p.seen[key]|1<<62)
		}
	case pkt.flow.protocol == ProtocolTCP && len(pkt.payload) > 0:
		segment := (pkt.seq - f.start) / segmentBytes
		f.sent[segment]++
		return mix(f.hash, uint64(segment)<<24|f.sent[segment]|1<<63)
	}
	f.ordinal++
	return mix(f.hash, f.ordinal)
}

// identity finds what a datagram carries. A later fragment has the identity
// of the datagram's first, told apart by its offset.
func (p *Plan) identity(pkt *packet) (uint64, bool) {
	key := fragmentKey{pkt.flow, pkt.fragmentID}
	if pkt.flow.fragment && pkt.fragmentOffset > 0 {
		id, ok := p.fragmented[key]
		return mix(id, uint64(pkt.fragmentOffset)), ok
	}
	if pkt.payload == nil {
		return 0, false
	}
	id, ok := p.identify(pkt.payload)
	if ok && pkt.flow.fragment {
		if len(p.fragmented) >= maxFragmented {
			clear(p.fragmented)
		}
		p.fragmented[key] = id
	}
	return id, ok
}

func (p *Plan) flow(pkt *packet) *flow {
	if f := p.flows[pkt.flow]; f != nil {
		if pkt.syn {
			f.start = pkt.seq + 1
		}
		return f
	}
	id := pkt.flow
	if len(p.flows) >= maxFlows {
		id = flowID{protocol: id.protocol, etherType: id.etherType}
		if f := p.flows[id]; f != nil {
			return f
		}
	}
	f := &flow{kind: kind(id), start: pkt.seq}
	if pkt.syn {
		f.start++
	}
	if id.protocol == ProtocolTCP {
		f.sent = map[uint32]uint64{}
	}
	f.hash = mix(mix(p.seed, f.kind), p.kinds[f.kind])
	p.kinds[f.kind]++
	p.flows[id] = f
	return f
}

// kind is what flows have in common whatever the client's port is: the
// service port is the lower one, since ephemeral ports are high.
func kind(id flowID) uint64 {
	k := uint64(id.etherType)<<32 | uint64(id.protocol)<<24 | uint64(min(id.srcPort, id.dstPort))<<8
	if id.fragment {
		k |= 1
	}
	return k
}

// share maps 64 bits onto [0, 1).
func share(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// mix hashes two words into one: a 128-bit product folded, then the
// finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xa0761d6478bd642f)
	x := hi ^ lo ^ a
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
