package dissect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	ipv6HeaderBytes   = 40 // RFC 8200, section 3
	fragmentUnitBytes = 8  // fragment offsets count these: RFC 791, section 3.1
	udpHeaderBytes    = 8  // RFC 768
)

// offset returns where sub, a slice of data, begins in it. Layers keep two-
// index slices of what they were given, so the capacities tell.
func offset(data, sub []byte) int { return cap(data) - cap(sub) }

func (p *Parser) collectARP(h *Headers) {
	h.Protocol = ARP
	src, _ := netip.AddrFromSlice(p.arp.SourceProtAddress)
	dst, _ := netip.AddrFromSlice(p.arp.DstProtAddress)
	h.Src, h.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
}

func (p *Parser) collectIPv4(h *Headers, data []byte) error {
	ip := &p.ip4
	if ip.Version != 4 {
		return fmt.Errorf("IPv4 header of version %d", ip.Version)
	}
	from := offset(data, ip.Contents)
	h.network = span{from, from + len(ip.Contents)}
	h.addresses(ip.SrcIP, ip.DstIP)
	h.Protocol = protocolOf(ip.Protocol)
	h.ID = uint32(ip.Id)
	h.More = ip.Flags&layers.IPv4MoreFragments != 0
	h.FragmentOffset = int(ip.FragOffset) * fragmentUnitBytes
	h.Fragment = h.More || h.FragmentOffset > 0
	h.carries(data, ip.Payload, int(ip.Length)-len(ip.Contents))
	return nil
}

func (p *Parser) collectIPv6(h *Headers, data []byte) error {
	ip := &p.ip6
	if ip.Version != 6 {
		return fmt.Errorf("IPv6 header of version %d", ip.Version)
	}
	h.addresses(ip.SrcIP, ip.DstIP)
	h.Protocol = protocolOf(ip.NextHeader)
	h.ID, h.More, h.FragmentOffset, h.Fragment = 0, false, 0, false
	payload, length := ip.Payload, int(ip.Length)
	if ip.HopByHop != nil {
		h.Protocol = protocolOf(ip.HopByHop.NextHeader)
		length -= ip.HopByHop.ActualLength
	}
	if ip.Length == 0 { // a jumbogram (RFC 2675), whose length gopacket has already applied
		length = len(payload)
	}
	from := offset(data, ip.Contents)
	h.network = span{from, from + ipv6HeaderBytes}
	h.carries(data, payload, length)
	return nil
}

func (p *Parser) collectExtension(h *Headers, data []byte) {
	x := &p.ext
	h.Protocol = protocolOf(x.next)
	h.Fragment, h.More, h.FragmentOffset, h.ID = x.fragment, x.more, x.offset, x.id
	from := offset(data, x.payload)
	h.carries(data, x.payload, h.PayloadLength-(from-h.PayloadStart))
}

func (h *Headers) addresses(src, dst []byte) {
	from, _ := netip.AddrFromSlice(src)
	to, _ := netip.AddrFromSlice(dst)
	h.Src, h.Dst = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
}

// carries notes what the network layer carries: length bytes by its header,
// of which payload was captured.
func (h *Headers) carries(data, payload []byte, length int) {
	length = max(length, 0)
	h.Payload = payload[:min(len(payload), length)]
	h.PayloadStart = offset(data, payload)
	h.PayloadLength = length
	h.segment = span{h.PayloadStart, h.PayloadStart + len(h.Payload)}
	if len(payload) < length {
		h.partial = true
	}
}

func protocolOf(p layers.IPProtocol) Protocol {
	switch p {
	case layers.IPProtocolTCP:
		return TCP
	case layers.IPProtocolUDP:
		return UDP
	case layers.IPProtocolICMPv4:
		return ICMP
	case layers.IPProtocolICMPv6:
		return ICMPv6
	}
	return Other
}

// extension is the last IPv6 extension header read (RFC 8200, section 4),
// and what a fragment header among them said.
// gopacket has no decoding layer for the fragment header, and its skipper
// takes every fragment's bytes for a transport header.
type extension struct {
	contents, payload []byte
	next              layers.IPProtocol

	fragment, more bool
	offset         int
	id             uint32
}

var extensionTypes = gopacket.NewLayerClass([]gopacket.LayerType{
	layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination,
})

func (x *extension) CanDecode() gopacket.LayerClass { return extensionTypes }
func (x *extension) LayerPayload() []byte           { return x.payload }

// NextLayerType ends decoding at a fragment, whose bytes mean nothing alone.
func (x *extension) NextLayerType() gopacket.LayerType {
	if x.more || x.offset > 0 {
		return gopacket.LayerTypeFragment
	}
	return x.next.LayerType()
}

// DecodeFromBytes reads a header that counts its length in 8-byte units.
func (x *extension) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		df.SetTruncated()
		return errors.New("IPv6 extension header is cut short")
	}
	size := (int(data[1]) + 1) * 8
	if len(data) < size {
		df.SetTruncated()
		return fmt.Errorf("IPv6 extension header of %d bytes, %d are here", size, len(data))
	}
	x.next = layers.IPProtocol(data[0])
	x.contents, x.payload = data[:size], data[size:]
	return nil
}

// fragmentExtension is the fragment header, 8 bytes (RFC 8200, section 4.5).
type fragmentExtension struct{ *extension }

func (x fragmentExtension) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv6Fragment }

func (x fragmentExtension) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	const size = 8
	if len(data) < size {
		df.SetTruncated()
		return errors.New("IPv6 fragment header is cut short")
	}
	place := binary.BigEndian.Uint16(data[2:])
	x.next = layers.IPProtocol(data[0])
	x.contents, x.payload = data[:size], data[size:]
	x.offset = int(place &^ 7)
	x.more = place&1 != 0
	x.fragment = x.more || x.offset > 0
	x.id = binary.BigEndian.Uint32(data[4:])
	return nil
}
