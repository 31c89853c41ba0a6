package dissect

import (
	"net/netip"

	"github.com/google/gopacket"
)

func (p *Parser) collectTCP(h *Headers, data []byte) {
	t := &p.tcp
	h.ports(uint16(t.SrcPort), uint16(t.DstPort))
	h.Seq, h.Ack, h.Window = t.Seq, t.Ack, t.Window
	h.SYN, h.FIN, h.RST, h.ACK, h.PSH = t.SYN, t.FIN, t.RST, t.ACK, t.PSH
	h.inside(data, t.Payload, h.PayloadLength-len(t.Contents))
}

func (p *Parser) collectUDP(h *Headers, data []byte) {
	u := &p.udp
	h.ports(uint16(u.SrcPort), uint16(u.DstPort))
	length := int(u.Length)
	if length == 0 { // a jumbogram's (RFC 2675, section 4)
		length = h.PayloadLength
	}
	h.inside(data, u.Payload, length-len(u.Contents))
}

func (h *Headers) ports(src, dst uint16) {
	h.Src = netip.AddrPortFrom(h.Src.Addr(), src)
	h.Dst = netip.AddrPortFrom(h.Dst.Addr(), dst)
}

// inside narrows the payload from what IP carries to what the transport
// carries: length bytes by its header, of which payload was captured.
func (h *Headers) inside(data, payload []byte, length int) {
	length = max(length, 0)
	from := offset(data, payload)
	// IP may end before the captured bytes do (Ethernet padding), the
	// transport before IP does.
	end := min(from+len(payload), from+length, h.segment.to)
	h.Payload = data[from:max(from, end)]
	h.PayloadStart = from
	h.PayloadLength = length
}

// collectFirstFragment reads the transport header of a datagram's first
// fragment, at which gopacket stops.
func (p *Parser) collectFirstFragment(h *Headers, data []byte) error {
	var first *gopacket.DecodingLayerParser
	switch h.Protocol {
	case TCP:
		first = p.tcpOnly
	case UDP:
		first = p.udpOnly
	default:
		return nil
	}
	if err := first.DecodeLayers(h.Payload, &p.decoded); err != nil {
		return err
	}
	if h.Protocol == TCP {
		p.collectTCP(h, data)
	} else {
		p.collectUDP(h, data)
	}
	return nil
}
