package wire

// segmentBytes is the MSS of a 1500-byte MTU with TCP timestamps (RFC 7323),
// the grain in which TCP sequence numbers are counted.
const segmentBytes = 1448

// maxFlows bounds the flows that one plan tells apart; a packet of a further
// one is drawn with those of its protocol that came without a flow.
const maxFlows = 1 << 16

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

// key tells which packet this is. The number draws on kind, event and flow;
// the chain leaves out the place in it, which is the index.
func (p *Plan) key(pkt *packet) key {
	f := p.flow(pkt)
	switch {
	case pkt.flow.protocol == ProtocolUDP:
		if e, ok := p.event(pkt); ok {
			id := e.identity()
			seen := identityKey{f.kind, id}
			count(p.seen, seen)
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
	count(f.sent, begin)
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

// maxCounted bounds what a plan remembers of a flow or an origin: more than
// any lab sends. Beyond it, what comes again counts as coming anew.
const maxCounted = 1 << 22

// count notes one more of k, within the bound.
func count[K comparable](m map[K]uint64, k K) {
	if len(m) >= maxCounted {
		clear(m)
	}
	m[k]++
}
