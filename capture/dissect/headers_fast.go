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

// fast reads the headers of what nearly every packet is: a whole segment or
// datagram in one IP packet without options, over Ethernet. Of any other it
// reports false, having read nothing, and gopacket decodes it. A fuzz test
// holds both to the same answer.
func (h *Headers) fast(data []byte) bool {
	if len(data) < EthernetBytes+ipv4HeaderBytes {
		return false
	}
	const ip = EthernetBytes
	var transport, end int // of what IP carries
	var protocol layers.IPProtocol
	var src, dst netip.Addr
	var id uint32
	switch layers.EthernetType(binary.BigEndian.Uint16(data[12:])) {
	case layers.EthernetTypeIPv4:
		const fragment = 0x3fff // the flag "more", and the offset
		transport, end = ip+ipv4HeaderBytes, ip+int(binary.BigEndian.Uint16(data[ip+2:]))
		if data[ip] != 0x45 || binary.BigEndian.Uint16(data[ip+6:])&fragment != 0 {
			return false
		}
		protocol, id = layers.IPProtocol(data[ip+9]), uint32(binary.BigEndian.Uint16(data[ip+4:]))
		src, dst = netip.AddrFrom4([4]byte(data[ip+12:])), netip.AddrFrom4([4]byte(data[ip+16:]))
	case layers.EthernetTypeIPv6:
		transport = ip + ipv6HeaderBytes
		if len(data) < transport || data[ip]>>4 != 6 {
			return false
		}
		end = transport + int(binary.BigEndian.Uint16(data[ip+4:]))
		protocol = layers.IPProtocol(data[ip+6])
		src, dst = netip.AddrFrom16([16]byte(data[ip+8:])), netip.AddrFrom16([16]byte(data[ip+24:]))
	default:
		return false
	}
	if end > len(data) || end < transport {
		return false // cut, or for others to judge
	}
	t := data[transport:end]
	payload := 0
	switch protocol {
	case layers.IPProtocolUDP:
		if payload = udpHeaderBytes; len(t) < payload || int(binary.BigEndian.Uint16(t[4:])) != len(t) {
			return false
		}
	case layers.IPProtocolTCP:
		if payload = tcpPayload(t); payload == 0 {
			return false
		}
		h.readTCP(t)
	default:
		return false
	}
	h.Protocol, h.ID = protocolOf(protocol), id
	h.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(t))
	h.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(t[2:]))
	h.Payload, h.PayloadStart, h.PayloadLength = t[payload:], transport+payload, len(t)-payload
	h.network, h.segment = span{ip, transport}, span{transport, end}
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
