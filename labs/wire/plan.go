package wire

import (
	"math/bits"
	"time"
)

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
