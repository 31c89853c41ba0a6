package dissect

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/gopacket/layers"
)

// ipv4 reads an IPv4 header (RFC 791, section 3.1).
func (d *dissection) ipv4(at int) {
	var ip layers.IPv4
	if err := d.decode(&ip, at); err != nil {
		d.undecoded(osiNetwork, at, err)
		return
	}
	if ip.Version != 4 {
		d.undecoded(osiNetwork, at, fmt.Errorf("it states IP version %d", ip.Version))
		return
	}
	end := at + len(ip.Contents)
	d.src, _ = netip.AddrFromSlice(ip.SrcIP)
	d.dst, _ = netip.AddrFromSlice(ip.DstIP)
	d.fragment = ip.Flags&layers.IPv4MoreFragments != 0 || ip.FragOffset != 0
	d.cut = d.cut || at+int(ip.Length) > len(d.data)
	d.end = min(d.end, at+int(ip.Length))
	checksum := headerChecksum(ip.Contents)
	d.header(Layer{
		Name: "IPv4", OSI: osiNetwork, From: at, To: end,
		Fields: append([]Field{
			{"version, header", fmt.Sprintf("4, %d bytes", len(ip.Contents)), at, at + 1},
			{"service", serviceName(ip.TOS), at + 1, at + 2},
			{"total length", fmt.Sprintf("%d bytes", ip.Length), at + 2, at + 4},
			{"identification", fmt.Sprint(ip.Id), at + 4, at + 6},
			{"flags", ipv4Flags(ip.Flags), at + 6, at + 7},
			{"fragment offset", fmt.Sprintf("%d bytes", int(ip.FragOffset)*fragmentUnitBytes), at + 6, at + 8},
			{"time to live", fmt.Sprintf("%d hops", ip.TTL), at + 8, at + 9},
			{"protocol", protocolName(ip.Protocol), at + 9, at + 10},
			{"checksum", fmt.Sprintf("%#04x, %v", ip.Checksum, checksum), at + 10, at + 12},
			{"source", d.src.String(), at + 12, at + 16},
			{"destination", d.dst.String(), at + 16, at + 20},
		}, d.ipv4Options(at+ipv4HeaderBytes, end)...),
		Meaning: d.ipMeaning(int(ip.FragOffset)*fragmentUnitBytes, checksum),
	})
	d.carriedBy(ip.Protocol, end, int(ip.FragOffset) == 0)
}

// ipMeaning is one sentence on what the network layer does with this packet.
func (d *dissection) ipMeaning(offset int, checksum Checksum) string {
	switch {
	case checksum == ChecksumBad:
		return "The header's checksum is bad: the next device throws the packet away."
	case d.fragment && offset == 0:
		return "The first fragment of a datagram too large for the link; if any of its fragments is lost, all are."
	case d.fragment:
		return fmt.Sprintf("A fragment that continues a datagram at byte %d; if any of its fragments is lost, all are.", offset)
	case d.src == d.dst:
		return fmt.Sprintf("From %v to itself: the packet never leaves the host.", d.src)
	}
	return fmt.Sprintf("From host %v to host %v, over any number of links; it may be lost, doubled or overtaken.", d.src, d.dst)
}

// carriedBy goes on with what IP carries; start tells that it begins here,
// and is not a later fragment.
func (d *dissection) carriedBy(p layers.IPProtocol, at int, start bool) {
	if d.tooDeep(at) {
		return
	}
	if !start || d.joined() {
		d.application(at)
		return
	}
	if at >= d.end && p != layers.IPProtocolNoNextHeader {
		d.undecoded(osiTransport, at, fmt.Errorf("the packet ends where %s should begin", protocolName(p)))
		return
	}
	switch p {
	case layers.IPProtocolTCP:
		d.tcp(at)
	case layers.IPProtocolUDP:
		d.udp(at)
	case layers.IPProtocolICMPv4:
		d.icmp(at)
	case layers.IPProtocolICMPv6:
		d.icmpv6(at)
	case layers.IPProtocolIGMP:
		d.igmp(at)
	case layers.IPProtocolAH:
		d.authentication(at)
	case layers.IPProtocolESP:
		d.encapsulated(at)
	case layers.IPProtocolIPv4:
		d.ipv4(at)
	case layers.IPProtocolIPv6:
		d.ipv6(at)
	case layers.IPProtocolNoNextHeader:
	default:
		d.undecoded(osiTransport, at, errors.New("protocol "+protocolName(p)+" is not read here"))
	}
}

func protocolName(p layers.IPProtocol) string { return fmt.Sprintf("%d (%v)", uint8(p), p) }

var ecnNames = [...]string{"no ECN", "ECN capable (1)", "ECN capable (0)", "congestion met"} // RFC 3168, section 5

// serviceName writes the byte of differentiated services and congestion.
func serviceName(tos uint8) string { return fmt.Sprintf("DSCP %d, %s", tos>>2, ecnNames[tos&3]) }

func ipv4Flags(f layers.IPv4Flag) string {
	var set []string
	if f&layers.IPv4DontFragment != 0 {
		set = append(set, "do not fragment")
	}
	if f&layers.IPv4MoreFragments != 0 {
		set = append(set, "more fragments follow")
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, ", ")
}
