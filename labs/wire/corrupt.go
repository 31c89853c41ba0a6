package wire

// Layer says whose bytes corruption is after.
type Layer uint8

// The layers. A packet that lacks the layer is left as it is.
const (
	AnyLayer  Layer = iota // every byte behind the Ethernet header
	IP                     // the header of IPv4 or IPv6
	Transport              // the header of TCP or UDP
	Payload                // what TCP, UDP or a later IP fragment carries
	LinkLayer              // the Ethernet header
	layers
)

// String returns the layer as it is written in an impairment.
func (l Layer) String() string { return nameOf(l, "any", "ip", "transport", "payload", "link") }

// span is a range of a frame's bytes.
type span struct{ from, to int }

// at returns where in the frame a layer's bytes are.
func (p *packet) at(l Layer) span {
	switch l {
	case IP:
		return p.ip
	case Transport:
		return p.transport
	case Payload:
		return p.data
	case LinkLayer:
		return span{0, min(ethernetHeader, p.length)}
	}
	return span{min(ethernetHeader, p.length), p.length}
}

// flip changes one bit of a range, which is not empty.
func flip(frame []byte, s span, number uint64) {
	bit := number % uint64((s.to-s.from)*8)
	frame[s.from+int(bit/8)] ^= 1 << (bit % 8)
}

// nameOf returns the name of a small number.
func nameOf[T ~uint8](n T, names ...string) string { return names[int(n)%len(names)] }
