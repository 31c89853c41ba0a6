package dissect

import (
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// ipv6 reads an IPv6 header (RFC 8200, section 3).
func (d *dissection) ipv6(at int) {
	b := d.rest(at)
	var ip layers.IPv6
	err := d.decode(&ip, at)
	if len(b) < ipv6HeaderBytes || b[0]>>4 != 6 {
		if err == nil {
			err = fmt.Errorf("it states IP version %d", ip.Version)
		}
		d.undecoded(osiNetwork, at, err)
		return
	}
	// gopacket reads a hop-by-hop header along with this one, and may fail
	// there; this header's fields are good by then.
	end := at + ipv6HeaderBytes
	d.src, _ = netip.AddrFromSlice(ip.SrcIP)
	d.dst, _ = netip.AddrFromSlice(ip.DstIP)
	d.fragment = false
	if ip.Length > 0 {
		d.cut = d.cut || end+int(ip.Length) > len(d.data)
		d.end = min(d.end, end+int(ip.Length))
	}
	d.header(Layer{
		Name: "IPv6", OSI: osiNetwork, From: at, To: end,
		Fields: []Field{
			{"version", "6", at, at + 1},
			{"service", serviceName(ip.TrafficClass), at, at + 2},
			{"flow label", fmt.Sprintf("%#05x", ip.FlowLabel), at + 1, at + 4},
			{"payload length", fmt.Sprintf("%d bytes", ip.Length), at + 4, at + 6},
			{"next header", protocolName(ip.NextHeader), at + 6, at + 7},
			{"hop limit", fmt.Sprintf("%d hops", ip.HopLimit), at + 7, at + 8},
			{"source", d.src.String(), at + 8, at + 24},
			{"destination", d.dst.String(), at + 24, at + 40},
		},
		Meaning: d.ipMeaning(0, ChecksumAbsent),
	})
	d.ipv6Next(ip.NextHeader, end)
}

// ipProtocolMobility is the mobility header's number (RFC 6275, section 6.1).
const ipProtocolMobility layers.IPProtocol = 135

// ipv6Next goes on with an extension header or what IP carries.
func (d *dissection) ipv6Next(p layers.IPProtocol, at int) {
	switch p {
	case layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Routing, layers.IPProtocolIPv6Destination:
		d.extension(p, at)
	case layers.IPProtocolIPv6Fragment:
		d.ipv6Fragment(at)
	case ipProtocolMobility:
		d.mobility(at)
	default:
		d.carriedBy(p, at, true)
	}
}

// ipv6Fragment reads a fragment header (RFC 8200, section 4.5).
func (d *dissection) ipv6Fragment(at int) {
	if d.tooDeep(at) {
		return
	}
	var x extension
	if err := d.decode(fragmentExtension{&x}, at); err != nil {
		d.undecoded(osiNetwork, at, err)
		return
	}
	d.fragment = x.fragment
	flags := "last"
	if x.more {
		flags = "more fragments follow"
	}
	d.header(Layer{
		Name: "IPv6 fragment header", OSI: osiNetwork, From: at, To: at + 8,
		Fields: []Field{
			{"next header", protocolName(x.next), at, at + 1},
			{"fragment offset", fmt.Sprintf("%d bytes", x.offset), at + 2, at + 4},
			{"flags", flags, at + 3, at + 4},
			{"identification", fmt.Sprint(x.id), at + 4, at + 8},
		},
		Meaning: d.ipMeaning(x.offset, ChecksumAbsent),
	})
	if x.offset > 0 {
		d.carriedBy(x.next, at+8, false)
		return
	}
	d.ipv6Next(x.next, at+8)
}

var (
	_ gopacket.DecodingLayer = (*extension)(nil)
	_ gopacket.DecodingLayer = fragmentExtension{}
)
