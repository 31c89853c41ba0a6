package dissect

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// EthernetBytes is the size of an Ethernet header without tags.
const EthernetBytes = 14

const (
	ipv4HeaderBytes = 20 // without options
	tcpHeaderBytes  = 20 // the same
)

// Plain is where the layers of a packet begin that is what nearly every one
// is: a whole segment or datagram in one IP packet without options, over
// Ethernet. The Ethernet and IP headers are before Transport.
type Plain struct {
	V6       bool
	Protocol Protocol // TCP or UDP
	// Where the transport's header begins, what it carries, and where that
	// ends; Ethernet may pad the packet behind it.
	Transport, Payload, End int
}

// PlainEthernet reads a packet that is plain. Of any other it reports false:
// then a [Parser] tells more. A fuzz test holds both to the same answer.
func PlainEthernet(data []byte) (p Plain, ok bool) {
	const ip = EthernetBytes
	if len(data) < ip+ipv4HeaderBytes {
		return p, false
	}
	var protocol layers.IPProtocol
	switch layers.EthernetType(binary.BigEndian.Uint16(data[12:])) {
	case layers.EthernetTypeIPv4:
		const fragment = 0x3fff // the flag "more", and the offset
		if data[ip] != 0x45 || binary.BigEndian.Uint16(data[ip+6:])&fragment != 0 {
			return p, false
		}
		protocol = layers.IPProtocol(data[ip+9])
		p.Transport, p.End = ip+ipv4HeaderBytes, ip+int(binary.BigEndian.Uint16(data[ip+2:]))
	case layers.EthernetTypeIPv6:
		p.V6, p.Transport = true, ip+ipv6HeaderBytes
		if len(data) < p.Transport || data[ip]>>4 != 6 {
			return p, false
		}
		protocol = layers.IPProtocol(data[ip+6])
		p.End = p.Transport + int(binary.BigEndian.Uint16(data[ip+4:]))
	default:
		return p, false
	}
	if p.End > len(data) || p.End < p.Transport {
		return p, false // cut, or for others to judge
	}
	t := data[p.Transport:p.End]
	switch protocol {
	case layers.IPProtocolUDP:
		p.Protocol, p.Payload = UDP, p.Transport+udpHeaderBytes
		return p, len(t) >= udpHeaderBytes && int(binary.BigEndian.Uint16(t[4:])) == len(t)
	case layers.IPProtocolTCP:
		payload := tcpPayload(t)
		p.Protocol, p.Payload = TCP, p.Transport+payload
		return p, payload > 0
	}
	return p, false
}

// fast reads the headers of a plain packet. Of any other it reports false,
// having read nothing, and gopacket decodes it.
func (h *Headers) fast(data []byte) bool {
	p, ok := PlainEthernet(data)
	if !ok {
		return false
	}
	const ip = EthernetBytes
	var src, dst netip.Addr
	if p.V6 {
		src, dst = netip.AddrFrom16([16]byte(data[ip+8:])), netip.AddrFrom16([16]byte(data[ip+24:]))
	} else {
		h.ID = uint32(binary.BigEndian.Uint16(data[ip+4:]))
		src, dst = netip.AddrFrom4([4]byte(data[ip+12:])), netip.AddrFrom4([4]byte(data[ip+16:]))
	}
	t := data[p.Transport:p.End]
	if p.Protocol == TCP {
		h.readTCP(t)
	}
	h.Protocol = p.Protocol
	h.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(t))
	h.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(t[2:]))
	h.Payload, h.PayloadStart, h.PayloadLength = data[p.Payload:p.End], p.Payload, p.End-p.Payload
	h.network, h.segment = span{ip, p.Transport}, span{p.Transport, p.End}
	return true
}

// readTCP reads what a whole header says of the segment.
func (h *Headers) readTCP(t []byte) {
	h.Seq, h.Ack, h.Window = binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:]), binary.BigEndian.Uint16(t[14:])
	flags := t[13]
	h.FIN, h.SYN, h.RST, h.PSH, h.ACK = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0, flags&16 != 0
}

// tcpPayload returns where the payload of a segment begins, 0 if its header
// or its options are not in order.
func tcpPayload(t []byte) int {
	if len(t) < tcpHeaderBytes {
		return 0
	}
	start := int(t[12]>>4) * 4
	if start < tcpHeaderBytes || start > len(t) {
		return 0
	}
	for options := t[tcpHeaderBytes:start]; len(options) > 0; {
		const endOfList, nothing = 0, 1 // RFC 9293, section 3.2
		size := 1
		if options[0] == endOfList {
			break
		} else if options[0] != nothing {
			if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
				return 0
			}
			size = int(options[1])
		}
		options = options[size:]
	}
	return start
}
