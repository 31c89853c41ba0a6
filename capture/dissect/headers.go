package dissect

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Link types a [Parser] reads, numbered as in pcap files
// (https://www.tcpdump.org/linktypes.html).
const (
	LinkNull     uint16 = 0   // BSD loopback, family in the capturing host's byte order
	LinkEthernet uint16 = 1   // Ethernet II, also what Linux gives on lo
	LinkRaw12    uint16 = 12  // raw IP as some BSDs number it
	LinkRaw      uint16 = 101 // raw IP, version in the first nibble
	LinkLoop     uint16 = 108 // OpenBSD loopback, family big-endian
	LinkSLL      uint16 = 113 // Linux "cooked", of the device "any"
	LinkSLL2     uint16 = 276 // Linux "cooked", second version
)

// ErrLinkType means that packets of this link type cannot be read.
var ErrLinkType = errors.New("dissect: unknown link type")

// Protocol is what a packet carries above the network layer.
type Protocol uint8

// The protocols told apart.
const (
	Other Protocol = iota
	TCP
	UDP
	ICMP
	ICMPv6
	ARP
)

var protocolNames = [...]string{Other: "other", TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPv6: "icmpv6", ARP: "arp"}

// String returns the protocol's name in lower case.
func (p Protocol) String() string {
	if int(p) < len(protocolNames) {
		return protocolNames[p]
	}
	return fmt.Sprintf("protocol(%d)", uint8(p))
}

// Headers is what accounting needs to know of a packet. Payload aliases the
// packet.
type Headers struct {
	Protocol Protocol
	Src, Dst netip.AddrPort // port 0 where there is none: ARP, ICMP, later fragments

	Fragment       bool   // an IP fragment: more follow, or the offset is not 0
	More           bool   // more fragments follow
	FragmentOffset int    // in bytes
	ID             uint32 // IPv4 identification, or that of an IPv6 fragment header

	Seq, Ack                uint32
	SYN, FIN, RST, ACK, PSH bool
	Window                  uint16 // as sent, not scaled

	// Payload is what TCP or UDP carries, cut to the length that IP states,
	// so without Ethernet padding. Of a later fragment it is the fragment's
	// bytes, of any other protocol what IP carries.
	Payload       []byte
	PayloadStart  int // where Payload begins in the packet
	PayloadLength int // its length on the network: more than len(Payload) if the capture cut the packet

	network span // the IP header
	segment span // what IP carries: TCP or UDP header and payload
	partial bool // the capture cut the packet
}

// Extent returns where the IP header begins, and where what IP carries; both
// are 0 in a packet without IP.
func (h *Headers) Extent() (network, segment int) { return h.network.from, h.segment.from }

// span is a range of bytes in a packet.
type span struct{ from, to int }

// Parser reads headers of packets of one link type. It is not safe for
// concurrent use.
type Parser struct {
	ethernet bool
	start    func(data []byte) (*gopacket.DecodingLayerParser, []byte, error)

	eth  layers.Ethernet
	vlan layers.Dot1Q
	sll  layers.LinuxSLL
	loop layers.Loopback
	arp  layers.ARP
	ip4  layers.IPv4
	ip6  layers.IPv6
	ext  extension
	tcp  layers.TCP
	udp  layers.UDP

	link, v4, v6, tcpOnly, udpOnly *gopacket.DecodingLayerParser // by first layer

	decoded []gopacket.LayerType
}

// NewParser returns a parser for packets of a link type. Of an unknown one,
// every Parse returns [ErrLinkType].
func NewParser(linkType uint16) *Parser {
	p := &Parser{}
	switch linkType {
	case LinkEthernet:
		p.ethernet = true
		p.link, p.start = p.from(layers.LayerTypeEthernet), p.startLink
	case LinkSLL:
		p.link, p.start = p.from(layers.LayerTypeLinuxSLL), p.startLink
	case LinkNull, LinkLoop:
		p.link, p.start = p.from(layers.LayerTypeLoopback), p.startLink
	case LinkSLL2:
		p.link, p.start = p.from(layers.LayerTypeDot1Q), p.startSLL2
	case LinkRaw, LinkRaw12:
		p.start = p.startRaw
	default: // takes no memory for the others: a file may name many
		err := fmt.Errorf("%w %d", ErrLinkType, linkType)
		p.start = func([]byte) (*gopacket.DecodingLayerParser, []byte, error) { return nil, nil, err }
		return p
	}
	p.decoded = make([]gopacket.LayerType, 0, 16)
	p.v4 = p.from(layers.LayerTypeIPv4)
	p.v6 = p.from(layers.LayerTypeIPv6)
	p.tcpOnly = p.from(layers.LayerTypeTCP)
	p.udpOnly = p.from(layers.LayerTypeUDP)
	return p
}

// from returns a gopacket parser over p's layers that starts at one of them.
func (p *Parser) from(first gopacket.LayerType) *gopacket.DecodingLayerParser {
	d := gopacket.NewDecodingLayerParser(first)
	c := gopacket.DecodingLayerContainer(gopacket.DecodingLayerSparse(nil))
	for _, l := range []gopacket.DecodingLayer{
		&p.eth, &p.vlan, &p.sll, &p.loop, &p.arp, &p.ip4, &p.ip6, &p.ext, fragmentExtension{&p.ext}, &p.tcp, &p.udp,
	} {
		c = c.Put(l)
	}
	d.SetDecodingLayerContainer(c)
	d.IgnoreUnsupported = true
	return d
}

func (p *Parser) startLink(data []byte) (*gopacket.DecodingLayerParser, []byte, error) {
	return p.link, data, nil
}

// sll2Bytes is the header of LINKTYPE_LINUX_SLL2, which gopacket does not
// know: ethertype u16, reserved u16, interface u32, address type u16, packet
// type u8, address length u8, address 8 bytes.
const sll2Bytes = 20

func (p *Parser) startSLL2(data []byte) (*gopacket.DecodingLayerParser, []byte, error) {
	if len(data) < sll2Bytes {
		return nil, nil, fmt.Errorf("dissect: SLL2 header of %d bytes, want %d", len(data), sll2Bytes)
	}
	switch uint16(data[0])<<8 | uint16(data[1]) {
	case uint16(layers.EthernetTypeIPv4):
		return p.v4, data[sll2Bytes:], nil
	case uint16(layers.EthernetTypeIPv6):
		return p.v6, data[sll2Bytes:], nil
	case uint16(layers.EthernetTypeDot1Q), uint16(layers.EthernetTypeQinQ):
		return p.link, data[sll2Bytes:], nil
	case uint16(layers.EthernetTypeARP):
		p.decoded = append(p.decoded[:0], layers.LayerTypeARP)
	}
	return nil, nil, nil
}

func (p *Parser) startRaw(data []byte) (*gopacket.DecodingLayerParser, []byte, error) {
	if len(data) == 0 {
		return nil, nil, errors.New("dissect: empty packet")
	}
	switch data[0] >> 4 {
	case 4:
		return p.v4, data, nil
	case 6:
		return p.v6, data, nil
	}
	return nil, nil, fmt.Errorf("dissect: IP version %d", data[0]>>4)
}

// Parse reads the headers of one packet. A packet that is neither IP nor ARP
// is [Other] and no error. With an error, Headers holds what could be read
// before it, and Payload the bytes where reading ended. In the steady state nothing is allocated.
func (p *Parser) Parse(data []byte) (h Headers, err error) {
	if p.ethernet && h.fast(data) {
		return h, nil
	}
	return p.parse(data)
}

// parse is Parse of any packet.
func (p *Parser) parse(data []byte) (Headers, error) {
	p.decoded = p.decoded[:0]
	p.ext = extension{}
	first, rest, err := p.start(data)
	var h Headers
	if first != nil {
		err = first.DecodeLayers(rest, &p.decoded)
		h.partial = first.Truncated
	}
	if e := p.collect(&h, data); err == nil {
		err = e
	}
	if err != nil {
		return h, fmt.Errorf("dissect: %w", err)
	}
	return h, nil
}

// collect copies what was decoded into h, from the outside in, so that of
// nested tunnels the innermost is told.
func (p *Parser) collect(h *Headers, data []byte) error {
	transport := false
	for _, l := range p.decoded {
		var err error
		switch l {
		case layers.LayerTypeARP:
			p.collectARP(h)
		case layers.LayerTypeIPv4:
			err = p.collectIPv4(h, data)
		case layers.LayerTypeIPv6:
			err = p.collectIPv6(h, data)
		case layers.LayerTypeIPv6Fragment, layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
			p.collectExtension(h, data)
		case layers.LayerTypeTCP:
			transport = true
			p.collectTCP(h, data)
		case layers.LayerTypeUDP:
			transport = true
			p.collectUDP(h, data)
		}
		if err != nil {
			return err
		}
	}
	if !transport && h.Fragment && h.FragmentOffset == 0 {
		return p.collectFirstFragment(h, data)
	}
	if !transport && !h.Fragment && (h.Protocol == TCP || h.Protocol == UDP) {
		return fmt.Errorf("no whole %v header", h.Protocol)
	}
	return nil
}
