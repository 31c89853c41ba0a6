package wire

import "encoding/binary"

const (
	ethernetHeader = 14
	ethIPv4        = 0x0800
	ethIPv6        = 0x86dd

	// Protocol numbers (IANA), as in IPv4's protocol and IPv6's next header field.
	ProtocolTCP = 6
	ProtocolUDP = 17

	tcpFIN = 0x01
	tcpSYN = 0x02
)

// flowID names one direction of a conversation as the headers do.
type flowID struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
	etherType        uint16
	protocol         uint8
	fragment         bool
}

// packet is what the wire reads of a frame.
type packet struct {
	flow    flowID
	seq     uint32
	syn     bool
	span    uint32 // TCP sequence numbers taken: payload, SYN and FIN (RFC 9293, section 3.4)
	payload []byte // of TCP or UDP, without Ethernet padding; of a first fragment as far as it goes

	fragmentID     uint32 // IP's identification
	fragmentOffset uint16 // in units of 8 bytes

	ports               [2]uint16 // also of a first fragment, whose flow has none
	length              int       // of the frame
	ip, transport, data span      // where in the frame they are; empty if they are not
}

// parse reads f as far as it makes sense; what it cannot read stays zero.
func parse(f []byte) packet {
	p := packet{length: len(f)}
	if len(f) < ethernetHeader {
		return p
	}
	p.flow.etherType = binary.BigEndian.Uint16(f[12:])
	body := f[ethernetHeader:]
	switch p.flow.etherType {
	case ethIPv4:
		p.parseIPv4(body)
	case ethIPv6:
		p.parseIPv6(body)
	}
	return p
}

// parseIPv4 reads the header of RFC 791, section 3.1.
func (p *packet) parseIPv4(b []byte) {
	if len(b) < 20 {
		return
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	p.ip = span{ethernetHeader, ethernetHeader + min(max(header, 20), len(b))}
	copy(p.flow.src[:], b[12:16])
	copy(p.flow.dst[:], b[16:20])
	p.flow.protocol = b[9]
	if flags := binary.BigEndian.Uint16(b[6:]); flags&0x3fff != 0 { // more fragments, or not the first
		p.flow.fragment = true
		p.fragmentID, p.fragmentOffset = uint32(binary.BigEndian.Uint16(b[4:])), flags&0x1fff
	}
	if header < 20 || total < header || total > len(b) {
		return
	}
	if p.fragmentOffset > 0 {
		p.data = span{p.ip.to, ethernetHeader + total}
		return
	}
	p.parseTransport(b[header:total])
	if p.flow.fragment {
		p.flow.srcPort, p.flow.dstPort = 0, 0 // the later fragments have none, and belong to the same flow
	}
}

// parseIPv6 reads the header of RFC 8200, section 3.
func (p *packet) parseIPv6(b []byte) {
	if len(b) < 40 {
		return
	}
	copy(p.flow.src[:], b[8:24])
	copy(p.flow.dst[:], b[24:40])
	p.flow.protocol = b[6]
	p.ip = span{ethernetHeader, ethernetHeader + 40}
	if end := 40 + int(binary.BigEndian.Uint16(b[4:])); end <= len(b) {
		p.parseUpper(b[40:end])
	}
}

// fragmentHeader is the next-header value of IPv6's fragment header, which is
// 8 bytes long (RFC 8200, section 4.5).
const fragmentHeader = 44

// parseUpper reads what an IPv6 header carries; b ends where the packet does.
func (p *packet) parseUpper(b []byte) {
	if p.flow.protocol != fragmentHeader {
		p.parseTransport(b)
		return
	}
	if len(b) < 8 {
		return
	}
	p.flow.fragment = true
	p.flow.protocol = b[0]
	p.fragmentOffset, p.fragmentID = binary.BigEndian.Uint16(b[2:])>>3, binary.BigEndian.Uint32(b[4:])
	p.ip.to += 8
	if p.fragmentOffset > 0 {
		p.data = span{p.ip.to, p.ip.to + len(b) - 8}
		return
	}
	p.parseTransport(b[8:])
	p.flow.srcPort, p.flow.dstPort = 0, 0 // the later fragments have none, and belong to the same flow
}

func (p *packet) parseTransport(b []byte) {
	switch {
	case p.flow.protocol == ProtocolUDP && len(b) >= 8:
		p.payload = b[8:]
	case p.flow.protocol == ProtocolTCP && len(b) >= 20:
		p.seq = binary.BigEndian.Uint32(b[4:])
		p.syn = b[13]&tcpSYN != 0
		if header := int(b[12]>>4) * 4; header >= 20 && header <= len(b) {
			p.payload = b[header:]
		}
		p.span = uint32(len(p.payload)) + uint32(b[13]&tcpFIN) + uint32(b[13]&tcpSYN)>>1
	default:
		return
	}
	p.flow.srcPort = binary.BigEndian.Uint16(b)
	p.flow.dstPort = binary.BigEndian.Uint16(b[2:])
	p.ports = [2]uint16{p.flow.srcPort, p.flow.dstPort}
	end := p.ip.to + len(b)
	p.transport = span{p.ip.to, end - len(p.payload)}
	p.data = span{p.transport.to, end}
}
