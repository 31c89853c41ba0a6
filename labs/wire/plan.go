package wire

import (
	"math/bits"
	"time"
)

// segmentBytes is the MSS of a 1500-byte MTU with TCP timestamps (RFC 7323),
// the grain in which TCP sequence numbers are counted.
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
	Bit       uint64        // which bit to flip, modulo those of the range
	Delay     time.Duration // with jitter
	Rule      int           // which of the impairment's rules decided; -1 if none

	flipped span // the range of the frame in which Corrupt flips a bit
}

// Plan decides the fates of one direction's packets. It is not safe for
// concurrent use.
type Plan struct {
	impairment Impairment
	identify   Identify
	direction  uint8
	seed       uint64 // of this direction
	flows      map[flowID]*flow
	kinds      map[uint64]uint64      // flows seen so far, by kind
	seen       map[identityKey]uint64 // how often an identity came
	fragmented map[fragmentKey]first  // of datagrams in IP fragments
	bursts     map[burstKey]*burst
	gaps       map[gapKey]*gapState
	start      int64 // ns, of the schedule
	started    bool
	constant   *Decision // of every packet, where nothing is left to draw
}

// first is what the later fragments of a datagram have from its first one.
type first struct {
	event event
	known bool // that it carries an event
	ports [2]uint16
}

// Identify finds what a UDP payload carries: an event of an origin, which
// numbers its events one after the other. The slice is valid for the call.
type Identify = func(payload []byte) (origin, sequence uint64, ok bool)

// identifyNothing is what holds where a caller gave no function.
func identifyNothing([]byte) (origin, sequence uint64, ok bool) { return 0, 0, false }

// event is what a datagram carries, with the datagram's fragment if it has
// several.
type event struct {
	origin, sequence uint64
	fragment         uint16 // its offset in units of 8 bytes
}

// identity names the event in one word.
func (e *event) identity() uint64 {
	id := e.origin*0x9e3779b97f4a7c15 ^ e.sequence
	if e.fragment > 0 {
		return mix(id, uint64(e.fragment))
	}
	return id
}

// key says which packet of its kind a packet is: all that its fate may
// depend on, besides the seed.
type key struct {
	number uint64 // the packet's own 64 bits
	chain  uint64 // what it is one of: an origin's events, a flow's packets
	index  uint64 // which one of the chain; neighbours share a burst
	alone  bool   // it is in no chain
}

// fragmentKey tells IP datagrams of one flow apart (RFC 791, section 3.2).
type fragmentKey struct {
	flow flowID
	id   uint32
}

// maxFragmented bounds the datagrams whose fragments may still come.
const maxFragmented = 1 << 14

type identityKey struct{ kind, identity uint64 }

type flow struct {
	hash    uint64
	kind    uint64
	ordinal uint64
	start   uint32            // TCP: first sequence number
	sent    map[uint32]uint64 // TCP: how often a segment that begins there came
}

// NewPlan returns the plan of a direction (0 or 1) under a seed; a nil
// identify finds nothing in any payload.
func NewPlan(i Impairment, seed uint64, direction int, identify Identify) *Plan {
	if identify == nil {
		identify = identifyNothing
	}
	p := &Plan{
		impairment: i,
		identify:   identify,
		direction:  uint8(direction),
		seed:       mix(seed, uint64(direction)+1),
		flows:      map[flowID]*flow{},
		kinds:      map[uint64]uint64{},
		seen:       map[identityKey]uint64{},
		fragmented: map[fragmentKey]first{},
		bursts:     map[burstKey]*burst{},
		gaps:       map[gapKey]*gapState{},
	}
	if i.draws() {
		return p
	}
	p.constant = &Decision{Delay: i.Delay, Rule: -1}
	return p
}

// Begin says when the schedule begins, ns. Without it, the first packet does.
func (p *Plan) Begin(now int64) { p.start, p.started = now, true }

// Decide returns what becomes of the next packet, given as an Ethernet frame
// that came at now (ns).
func (p *Plan) Decide(frame []byte, now int64) Decision {
	pkt := parse(frame)
	return p.decide(&pkt, now)
}

func (p *Plan) decide(pkt *packet, now int64) Decision {
	if p.constant != nil {
		return *p.constant
	}
	k := p.key(pkt)
	i, rule := p.holds(now), p.match(pkt)
	if rule >= 0 {
		i = &p.impairment.Rules[rule].Impairment
	}
	d := Decision{
		Lose:      p.loses(i, &k),
		Corrupt:   share(mix(k.number, 2)) < i.Corrupt,
		Bit:       mix(k.number, 3),
		Overtake:  p.overtakes(i, &k),
		Duplicate: share(mix(k.number, 6)) < i.Duplicate,
		Delay:     i.delay(k.number),
		Rule:      rule,
		flipped:   pkt.at(i.Layer),
	}
	d.Corrupt = d.Corrupt && d.flipped.to > d.flipped.from
	if d.Overtake {
		d.Delay = 0
	}
	return d
}

// holds returns the impairment of packets that no rule picks.
func (p *Plan) holds(now int64) *Impairment {
	if len(p.impairment.Schedule.Phases) == 0 {
		return &p.impairment
	}
	if !p.started {
		p.Begin(now)
	}
	if i := p.impairment.Schedule.at(time.Duration(now - p.start)); i != nil {
		return i
	}
	return &p.impairment
}

// match returns the first rule that picks the packet, or -1.
func (p *Plan) match(pkt *packet) int {
	for n := range p.impairment.Rules {
		if p.impairment.Rules[n].matches(pkt, p.direction) {
			return n
		}
	}
	return -1
}

// key tells which packet this is. The number draws on kind, event and flow;
// the chain leaves out the place in it, which is the index.
func (p *Plan) key(pkt *packet) key {
	f := p.flow(pkt)
	switch {
	case pkt.flow.protocol == ProtocolUDP:
		if e, ok := p.event(pkt); ok {
			id := e.identity()
			seen := identityKey{f.kind, id}
			p.seen[seen]++
			of := mix(p.seed, f.kind)
			return key{
				number: mix(mix(of, id), p.seen[seen]|1<<62),
				chain:  mix(mix(of, e.origin), p.seen[seen]<<16|uint64(e.fragment)),
				index:  e.sequence,
			}
		}
	case pkt.flow.protocol == ProtocolTCP && len(pkt.payload) > 0:
		return f.segment(pkt)
	}
	f.ordinal++
	return key{number: mix(f.hash, f.ordinal), chain: f.hash, index: f.ordinal, alone: pkt.flow.protocol == ProtocolTCP}
}

// event finds what a datagram carries. A later fragment carries what the
// datagram's first does, told apart by its offset.
func (p *Plan) event(pkt *packet) (event, bool) {
	if pkt.flow.fragment && pkt.fragmentOffset > 0 {
		f := p.fragmented[fragmentKey{pkt.flow, pkt.fragmentID}]
		f.event.fragment = pkt.fragmentOffset
		pkt.ports = f.ports
		return f.event, f.known
	}
	if pkt.payload == nil {
		return event{}, false
	}
	origin, sequence, ok := p.identify(pkt.payload)
	e := event{origin: origin, sequence: sequence}
	if pkt.flow.fragment {
		if len(p.fragmented) >= maxFragmented {
			clear(p.fragmented)
		}
		p.fragmented[fragmentKey{pkt.flow, pkt.fragmentID}] = first{event: e, known: ok, ports: pkt.ports}
	}
	return e, ok
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

// segment is the key of a TCP segment with data. A large one is named by the
// MSS-sized piece of the stream in which it begins, so that senders that cut
// the stream a little differently lose the same pieces; a small one, of which
// many begin in one piece, by the byte itself.
func (f *flow) segment(pkt *packet) key {
	begin := pkt.seq - f.start
	f.sent[begin]++
	piece, name := uint64(begin/segmentBytes), uint64(begin)|1<<40
	if 2*len(pkt.payload) >= segmentBytes {
		name = piece
	}
	return key{
		number: mix(mix(f.hash, name), f.sent[begin]|1<<63),
		chain:  mix(f.hash, 1<<63),
		index:  piece,
		alone:  f.sent[begin] > 1,
	}
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
